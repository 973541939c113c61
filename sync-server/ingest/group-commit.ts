/**
 * Group commit: messages that arrive within a few ms are taken in one fsynced transaction, and only after it are
 * they answered. When the transaction fails, each message is tried alone, so that one cannot hold up the others; what
 * fails then is not answered, and its device sends again.
 */
import type { Logger } from 'pino';
import type { Counters } from '../../daemon/counters.ts';
import { codeOf } from '../../protocol/errors.ts';

export interface GroupCommitDeps<T> {
  readonly transaction: (work: () => void) => void;
  /** Takes one message inside the transaction; returns what to do after the commit. Throwing undoes the whole group. */
  readonly take: (item: T) => (() => void) | undefined;
  readonly counters: Counters;
  readonly log: Logger;
}

/** How long the first message of a group waits for company. */
const COMMIT_WITHIN_MS = 4;
/** A group is committed at once when it holds this much. */
const GROUP_BYTES = 512 * 1024;

export class GroupCommit<T> {
  readonly #deps: GroupCommitDeps<T>;
  #waiting: T[] = [];
  #waitingBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: GroupCommitDeps<T>) {
    this.#deps = deps;
  }

  add(item: T, sizeBytes: number): void {
    this.#waiting.push(item);
    this.#waitingBytes += sizeBytes;
    if (this.#waitingBytes >= GROUP_BYTES) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), COMMIT_WITHIN_MS);
  }

  /** Commits what waits, now. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const group = this.#waiting;
    if (group.length === 0) return;
    this.#waiting = [];
    this.#waitingBytes = 0;
    const failures = this.#commit(group);
    if (failures.length === 0) return;
    this.#deps.counters.add('STORE_UNWRITABLE', failures.length);
    this.#deps.log.error(
      { event: 'ingest-failed', code: codeOf(failures[0]), messages: failures.length, err: failures[0] },
      'messages were not stored and not acknowledged; devices will send them again',
    );
  }

  /** @returns the error of each message that could not be stored */
  #commit(group: readonly T[]): unknown[] {
    const after: (() => void)[] = [];
    try {
      this.#deps.transaction(() => {
        for (const item of group) {
          const then = this.#deps.take(item);
          if (then) after.push(then);
        }
      });
    } catch (error) {
      return group.length === 1 ? [error] : group.flatMap((item) => this.#commit([item]));
    }
    for (const then of after) this.#answer(then);
    return [];
  }

  /** The message is on disk; an answer that fails now is asked for again by its device. */
  #answer(then: () => void): void {
    try {
      then();
    } catch (error) {
      this.#deps.counters.add(`ingest.${codeOf(error)}`);
      this.#deps.log.error({ event: 'not-answered', err: error }, 'a stored message was not answered');
    }
  }
}
