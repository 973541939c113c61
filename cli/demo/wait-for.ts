/** Waits until something is seen, as long as there is news of it; and never leaves a person before a still screen. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Narrator } from './narrator.ts';
import { Patience } from './patience.ts';

/** Something that the story tells did not happen in its time. */
export class NotSeen extends Error {
  override readonly name = 'NotSeen';
}

export interface Audience {
  readonly tell: Pick<Narrator, 'say' | 'quietMs'>;
  /** Aborted when a part died or a person ends the demo; the reason says which. */
  readonly signal: AbortSignal;
}

/** After so long without a line it is said what is waited for, and what is seen of it. */
const QUIET_MS = 10_000;
const CHECK_MS = 250;

/**
 * Asks `look` again and again until it returns something. An error of `look` means "not yet", and is told at the end.
 * @param patienceMs how long there may be nothing new; on a slow machine everything takes longer, and goes on
 * @param look tells by its argument what it sees meanwhile, in words: others than before are news
 * @throws NotSeen also when a look hangs; the signal's reason when it is aborted
 */
export async function waitFor<T>(
  what: string,
  patienceMs: number,
  { tell, signal }: Audience,
  look: (sees: (words: string) => void) => Promise<T | undefined>,
  everyMs = 150,
): Promise<T> {
  const patience = new Patience(patienceMs, performance.now());
  let problem = '';
  const sees = (words: string) => patience.sees(words, performance.now());
  const lastSeen = () => [patience.words, problem && `(${problem})`].filter(Boolean).join(' ');
  let giveUp: (reason: unknown) => void = () => undefined;
  const over = new Promise<never>((_, reject) => {
    giveUp = reject;
  });
  over.catch(() => undefined);
  const ended = () => giveUp(signal.reason);
  signal.addEventListener('abort', ended, { once: true });
  const timer = setInterval(
    () => {
      const nowMs = performance.now();
      const last = lastSeen();
      if (patience.isOver(nowMs)) {
        const waited = seconds(patience.waitedMs(nowMs));
        giveUp(new NotSeen(`${what} did not happen within ${waited}${last && `: ${last}`}`));
      } else if (tell.quietMs() >= QUIET_MS) {
        const stillMs = patience.stillMs(nowMs);
        const still = stillMs < QUIET_MS / 2 ? '' : `, nothing new for ${seconds(stillMs)}`;
        tell.say(`  Still waiting for ${what}${still}. ${last || 'Nothing is seen of it yet.'}`);
      }
    },
    Math.min(CHECK_MS, patienceMs),
  );
  try {
    for (;;) {
      signal.throwIfAborted();
      const looking = look(sees).then(
        (found) => {
          problem = '';
          return found;
        },
        (error: unknown) => {
          problem = error instanceof Error ? error.message : String(error);
          return undefined;
        },
      );
      const found = await Promise.race([looking, over]);
      if (found !== undefined) return found;
      await Promise.race([pause(everyMs, signal), over]);
    }
  } finally {
    clearInterval(timer);
    signal.removeEventListener('abort', ended);
  }
}

/** @throws the signal's reason when it is aborted meanwhile */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
