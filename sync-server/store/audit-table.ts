/**
 * Who changed what, and when: a chain in which each row holds the sha256 of the row before it and of its own fields, so
 * that no row can be changed, added or taken out in the middle without breaking all that follow.
 */
import { createHash } from 'node:crypto';
import type { Sqlite, Statement } from './database.ts';

export interface AuditEntry {
  readonly timeMs: number;
  /** A token's name, `local` for an open server on loopback, or the part of the server that did it. */
  readonly who: string;
  /** kebab-case, for example `model-published` */
  readonly action: string;
  readonly subject: string;
}

export interface AuditRow extends AuditEntry {
  readonly id: number;
  /** sha256 in hex over the row before and this one. */
  readonly hash: string;
}

export interface AuditCheck {
  /** Rows that hold, from the first. */
  readonly sound: number;
  /** The last of them; null in an empty log. */
  readonly head: AuditRow | null;
  /** The first row that does not fit the one before it. */
  readonly brokenAt: number | null;
}

type Stored = Omit<AuditRow, 'hash'> & { hash: string | null };

const COLUMNS = 'id, time_ms AS timeMs, who, action, subject, hash';
const BEFORE_THE_FIRST = '0'.repeat(64);

export class AuditTable {
  readonly #sqlite: Sqlite;
  readonly #told: (row: AuditRow) => void;
  readonly #insert: Statement<[number, number, string, string, string, string]>;
  readonly #last: Statement<[], Stored>;
  readonly #of: Statement<[number], Stored>;
  readonly #all: Statement<[], Stored>;
  readonly #newest: Statement<[number], AuditRow>;

  /** @param told of each row once it stands: a copy of its hash elsewhere is what shows a log that was cut or written anew */
  constructor(sqlite: Sqlite, told: (row: AuditRow) => void) {
    this.#sqlite = sqlite;
    this.#told = told;
    this.#insert = sqlite.prepare(
      'INSERT INTO audit (id, time_ms, who, action, subject, hash) VALUES (?, ?, ?, ?, ?, ?)',
    );
    this.#last = sqlite.prepare(`SELECT ${COLUMNS} FROM audit ORDER BY id DESC LIMIT 1`);
    this.#of = sqlite.prepare(`SELECT ${COLUMNS} FROM audit WHERE id = ?`);
    this.#all = sqlite.prepare(`SELECT ${COLUMNS} FROM audit ORDER BY id`);
    this.#newest = sqlite.prepare(`SELECT ${COLUMNS} FROM audit ORDER BY id DESC LIMIT ?`);
    if (this.#last.get()?.hash === null) this.#seal();
  }

  append(entry: AuditEntry): void {
    const row = this.#sqlite
      .transaction((): AuditRow => {
        const last = this.#last.get();
        const id = (last?.id ?? 0) + 1;
        const hash = hashOf(last?.hash ?? BEFORE_THE_FIRST, { id, ...entry });
        this.#insert.run(id, entry.timeMs, entry.who, entry.action, entry.subject, hash);
        return { id, ...entry, hash };
      })
      .immediate();
    // After the transaction around this one, which may still fail.
    queueMicrotask(() => {
      if (this.#sqlite.open && this.#of.get(row.id)?.hash === row.hash) this.#told(row);
    });
  }

  /** Newest first. */
  newest(limit: number): AuditRow[] {
    return this.#newest.all(limit);
  }

  verify(): AuditCheck {
    let head: AuditRow | null = null;
    for (const row of this.#all.iterate()) {
      const expected = hashOf(head?.hash ?? BEFORE_THE_FIRST, row);
      if (row.id !== (head?.id ?? 0) + 1 || row.hash !== expected) {
        return { sound: head?.id ?? 0, head, brokenAt: row.id };
      }
      head = { ...row, hash: expected };
    }
    return { sound: head?.id ?? 0, head, brokenAt: null };
  }

  /** The hash of a row, for comparing with a copy that was kept elsewhere. */
  hashOf(id: number): string | undefined {
    return this.#of.get(id)?.hash ?? undefined;
  }

  /** Rows of a server that knew no chain yet: what they say now holds from here on. */
  #seal(): void {
    const set = this.#sqlite.prepare('UPDATE audit SET hash = ? WHERE id = ?');
    this.#sqlite
      .transaction(() => {
        let former = BEFORE_THE_FIRST;
        for (const row of this.#all.all()) {
          // Where some rows have hashes, one without is no old row.
          if (row.hash !== null) return;
          former = hashOf(former, row);
          set.run(former, row.id);
        }
      })
      .immediate();
  }
}

/** As JSON, so that no two rows read the same. */
function hashOf(former: string, { id, timeMs, who, action, subject }: Omit<AuditRow, 'hash'>): string {
  return createHash('sha256')
    .update(former)
    .update(JSON.stringify([id, timeMs, who, action, subject]))
    .digest('hex');
}
