/** How a daemon ends: told by a signal, in time whatever hangs, and with words that say why when it cannot start. */
import type { Logger } from 'pino';
import { CodedError, codeOf } from '../protocol/errors.ts';

/** A service manager kills what takes longer than 5 s. */
const STOP_WITHIN_MS = 4500;

/**
 * Listens from now on, so that a signal that comes while the daemon starts ends it as cleanly as a later one.
 * @returns resolves at the first SIGTERM or SIGINT; from then on the process ends in time, with what it has committed
 */
export function toldToEnd(log: Logger): Promise<'told'> {
  const told = new Promise<'told'>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => resolve('told'));
  });
  void told.then(() => endInTime(log));
  return told;
}

/** One line for the log; the same in plain words for whoever stands at the terminal. A stack only for the unexpected. */
export function tellNotStarted(log: Logger, error: unknown): void {
  const known = error instanceof CodedError ? error : undefined;
  const words = error instanceof Error ? error.message : String(error);
  const err = known ? undefined : error;
  log.fatal({ event: 'not-started', code: codeOf(error), hint: known?.hint, err }, words);
  process.stderr.write(`\n${words}\n${known?.hint ?? ''}\n`);
  process.exitCode = 1;
}

function endInTime(log: Logger): void {
  setTimeout(() => {
    log.fatal({ event: 'stop-overdue', afterMs: STOP_WITHIN_MS }, 'a part did not stop in time');
    process.exit(1);
  }, STOP_WITHIN_MS).unref();
}
