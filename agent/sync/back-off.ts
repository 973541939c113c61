/** How long to wait before trying again: exponential with full jitter, so that a fleet does not come back in one instant. */

/**
 * Any time up to the doubled one, each as likely: of the ways to jitter, the one with which a crowd needs the fewest tries
 * (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
 *
 * @param attempt failures in a row so far, from 0
 * @param random a number in [0, 1)
 * @returns ms in [0, `baseMs * 2^attempt`), which never exceeds `maxMs`
 */
export function backOffMs(
  attempt: number,
  baseMs: number,
  maxMs: number,
  random: number = Math.random(),
): number {
  return random * Math.min(maxMs, baseMs * 2 ** Math.min(attempt, 30));
}
