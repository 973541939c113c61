/** Waits until something is seen, for so long and no longer. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Something that the story tells did not happen in its time. */
export class NotSeen extends Error {
  override readonly name = 'NotSeen';
}

/**
 * Asks `look` again and again until it returns something. An error of `look` means "not yet", and is told at the end.
 * @throws NotSeen after `timeoutMs`; the signal's reason when it is aborted
 */
export async function waitFor<T>(
  what: string,
  timeoutMs: number,
  signal: AbortSignal,
  look: () => Promise<T | undefined>,
  everyMs = 150,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let problem = '';
  for (;;) {
    signal.throwIfAborted();
    try {
      const seen = await look();
      if (seen !== undefined) return seen;
      problem = '';
    } catch (error) {
      problem = ` (${error instanceof Error ? error.message : String(error)})`;
    }
    if (performance.now() >= deadline) {
      throw new NotSeen(`${what} did not happen within ${Math.round(timeoutMs / 1000)} s${problem}`);
    }
    await pause(everyMs, signal);
  }
}

/** @throws the signal's reason when it is aborted meanwhile */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
}
