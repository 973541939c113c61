/** How long a dead engine's successor waits: not at all at first, longer the more often it dies. Pure. */

const WINDOW_MS = 60_000;
const FREE_RESTARTS = 3;
const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5000;

/** @param deathsMs times of all deaths, the one at hand included; what is older than a minute is forgotten (in place) */
export function restartDelayMs(deathsMs: number[], nowMs: number): number {
  while (deathsMs[0] !== undefined && nowMs - deathsMs[0] > WINDOW_MS) deathsMs.shift();
  const beyond = deathsMs.length - FREE_RESTARTS;
  return beyond <= 0 ? 0 : Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (beyond - 1));
}
