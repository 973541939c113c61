/** A span of time in the words of an alarm: as exact as a person needs it. */

/** @param ms 0 or more */
export function spanWords(ms: number): string {
  const s = Math.round(ms / 1000);
  if (s < 120) return `${s} s`;
  if (s < 2 * 3600) return `${Math.round(s / 60)} min`;
  return s < 48 * 3600 ? `${Math.round(s / 3600)} hours` : `${Math.round(s / 86_400)} days`;
}
