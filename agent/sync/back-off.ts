/** How long to wait before trying again: exponential with jitter, so that a fleet does not come back in one instant. */

/**
 * @param attempt failures in a row so far, from 0
 * @param random a number in [0, 1)
 * @returns ms in [half, whole] of `baseMs * 2^attempt`, which never exceeds `maxMs`
 */
export function backOffMs(
  attempt: number,
  baseMs: number,
  maxMs: number,
  random: number = Math.random(),
): number {
  const whole = Math.min(maxMs, baseMs * 2 ** Math.min(attempt, 30));
  return whole / 2 + (random * whole) / 2;
}
