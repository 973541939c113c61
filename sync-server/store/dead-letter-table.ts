/** Messages that could not be taken, kept for a person to look at: the newest ones, and only the head of each. */
import type { Sqlite, Statement } from './database.ts';

export interface DeadLetter {
  readonly timeMs: number;
  readonly topic: string;
  readonly code: string;
  readonly reason: string;
  readonly sizeBytes: number;
  /** The first bytes of the payload. */
  readonly head: Buffer;
}

const KEPT = 200;
const HEAD_BYTES = 4096;

export class DeadLetterTable {
  readonly #insert: Statement<[number, string, string, string, number, Buffer]>;
  readonly #has: Statement<[string, string, Buffer], unknown>;
  readonly #trim: Statement<[number | bigint]>;
  readonly #newest: Statement<[number], DeadLetter>;

  constructor(sqlite: Sqlite) {
    this.#insert = sqlite.prepare(
      'INSERT INTO dead_letters (time_ms, topic, code, reason, size_bytes, head) VALUES (?, ?, ?, ?, ?, ?)',
    );
    this.#has = sqlite.prepare('SELECT 1 FROM dead_letters WHERE topic = ? AND code = ? AND head = ?');
    this.#trim = sqlite.prepare('DELETE FROM dead_letters WHERE id <= ?');
    this.#newest = sqlite.prepare(
      `SELECT time_ms AS timeMs, topic, code, reason, size_bytes AS sizeBytes, head
       FROM dead_letters ORDER BY id DESC LIMIT ?`,
    );
  }

  /** A message that is sent again and again is kept once. */
  add(letter: { timeMs: number; topic: string; code: string; reason: string; payload: Buffer }): void {
    const { timeMs, code, payload } = letter;
    const topic = letter.topic.slice(0, 256);
    const head = payload.subarray(0, HEAD_BYTES);
    if (this.#has.get(topic, code, head)) return;
    const reason = letter.reason.slice(0, 512);
    const { lastInsertRowid } = this.#insert.run(timeMs, topic, code, reason, payload.length, head);
    this.#trim.run(Number(lastInsertRowid) - KEPT);
  }

  /** Newest first. */
  newest(limit: number): DeadLetter[] {
    return this.#newest.all(limit);
  }
}
