/** Into which spans of time a curve is divided: round ones, and never more points than a page can show. Pure. */

const MINUTE_MS = 60_000;
/** Minutes: up to a week, then whole weeks. */
const ROUND = [1, 2, 5, 10, 30, 60, 120, 360, 720, 1440, 2880, 10_080];
export const MOST_SPANS = 48;

/** @returns ms, whole minutes: the shortest round span by which `lengthMs` makes at most MOST_SPANS of them */
export function spanFor(lengthMs: number): number {
  const round = ROUND.find((minutes) => lengthMs / (minutes * MINUTE_MS) <= MOST_SPANS);
  const weeks = Math.ceil(lengthMs / (10_080 * MINUTE_MS * MOST_SPANS));
  return (round ?? 10_080 * weeks) * MINUTE_MS;
}
