/**
 * Messages that could not be taken, kept for a person to look at: of each topic the newest ones, so that one device cannot
 * push out what others sent; and only the head of each.
 */
import type { Sqlite, Statement } from './database.ts';

export interface DeadLetter {
  readonly id: number;
  /** Server wall clock when it first came, and when it came last: what a device sends again and again is kept once. */
  readonly timeMs: number;
  readonly lastMs: number;
  readonly times: number;
  readonly topic: string;
  readonly code: string;
  readonly reason: string;
  readonly sizeBytes: number;
  /** The first bytes of the payload. */
  readonly head: Buffer;
}

export type DeadLetterInShort = Omit<DeadLetter, 'head'>;

const KEPT = 500;
const KEPT_OF_A_TOPIC = 25;
const HEAD_BYTES = 4096;
const IN_SHORT =
  'id, time_ms AS timeMs, last_ms AS lastMs, times, topic, code, reason, size_bytes AS sizeBytes';

export class DeadLetterTable {
  readonly #again: Statement<[number, string, string, Buffer]>;
  readonly #insert: Statement<[number, number, string, string, string, number, Buffer]>;
  readonly #trimTopic: Statement<[string, string]>;
  readonly #trim: Statement<[]>;
  readonly #newest: Statement<[number], DeadLetterInShort>;
  readonly #byId: Statement<[number], DeadLetter>;
  readonly #count: Statement<[], number>;
  readonly #drop: Statement<[number]>;
  readonly #dropAll: Statement<[]>;

  constructor(sqlite: Sqlite) {
    this.#again = sqlite.prepare(
      'UPDATE dead_letters SET times = times + 1, last_ms = ? WHERE topic = ? AND code = ? AND head = ?',
    );
    this.#insert = sqlite.prepare(
      'INSERT INTO dead_letters (time_ms, last_ms, topic, code, reason, size_bytes, head) VALUES (?, ?, ?, ?, ?, ?, ?)',
    );
    this.#trimTopic = sqlite.prepare(
      `DELETE FROM dead_letters WHERE topic = ? AND id <=
         (SELECT id FROM dead_letters WHERE topic = ? ORDER BY id DESC LIMIT 1 OFFSET ${KEPT_OF_A_TOPIC})`,
    );
    this.#trim = sqlite.prepare(
      `DELETE FROM dead_letters WHERE id <= (SELECT id FROM dead_letters ORDER BY id DESC LIMIT 1 OFFSET ${KEPT})`,
    );
    this.#newest = sqlite.prepare(`SELECT ${IN_SHORT} FROM dead_letters ORDER BY id DESC LIMIT ?`);
    this.#byId = sqlite.prepare(`SELECT ${IN_SHORT}, head FROM dead_letters WHERE id = ?`);
    this.#count = sqlite.prepare<[], number>('SELECT count(*) FROM dead_letters').pluck();
    this.#drop = sqlite.prepare('DELETE FROM dead_letters WHERE id = ?');
    this.#dropAll = sqlite.prepare('DELETE FROM dead_letters');
  }

  add(letter: { timeMs: number; topic: string; code: string; reason: string; payload: Buffer }): void {
    const { timeMs, code, payload } = letter;
    const topic = letter.topic.slice(0, 256);
    const head = payload.subarray(0, HEAD_BYTES);
    if (this.#again.run(timeMs, topic, code, head).changes > 0) return;
    this.#insert.run(timeMs, timeMs, topic, code, letter.reason.slice(0, 512), payload.length, head);
    this.#trimTopic.run(topic, topic);
    this.#trim.run();
  }

  get count(): number {
    return this.#count.get() ?? 0;
  }

  /** Newest first. */
  newest(limit: number): DeadLetterInShort[] {
    return this.#newest.all(limit);
  }

  byId(id: number): DeadLetter | undefined {
    return this.#byId.get(id);
  }

  /** @returns false when there is none of this id */
  drop(id: number): boolean {
    return this.#drop.run(id).changes > 0;
  }

  /** @returns how many there were */
  dropAll(): number {
    return this.#dropAll.run().changes;
  }
}
