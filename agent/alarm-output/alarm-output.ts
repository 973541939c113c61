/** A way by which alarms leave the device for its line. */
import { readFileSync } from 'node:fs';
import type { AlarmMessage } from '../../protocol/alarms.ts';
import { agentError } from '../errors.ts';

export interface AlarmOutput {
  /** Where it goes, for people; without what may be secret in an address. */
  readonly target: string;
  start(watcher: OutputWatcher): void;
  /** Ends within two seconds. */
  stop(): Promise<void>;
  /**
   * Resolves when the other side has the message; it may get one twice.
   * @throws CodedError ALARM_REFUSED: it will never take this one; anything else: worth another attempt
   */
  deliver(message: AlarmMessage, signal: AbortSignal): Promise<void>;
}

/** Whoever delivers by an output, told of what happens between deliveries. */
export interface OutputWatcher {
  /** A delivery is worth a new attempt. */
  up(): void;
  down(error: unknown): void;
}

/** Read each time, so that a new secret needs no restart. @throws CodedError CONFIG_UNREADABLE */
export function readSecret(file: string, key: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw agentError('CONFIG_UNREADABLE', `${key} ${file} cannot be read`, { cause });
  }
}

/**
 * Work that ends after `ms`, and when `stop` is given. Not `AbortSignal.any` with `AbortSignal.timeout`: on Node 20 the garbage
 * collector may take that away, and then it never fires.
 */
export async function withDeadline<T>(
  ms: number,
  stop: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = new AbortController();
  const stopped = () => deadline.abort(stop.reason);
  const timer = setTimeout(() => deadline.abort(new Error(`no answer within ${ms} ms`)), ms);
  stop.addEventListener('abort', stopped, { once: true });
  if (stop.aborted) stopped();
  try {
    return await work(deadline.signal);
  } finally {
    clearTimeout(timer);
    stop.removeEventListener('abort', stopped);
  }
}
