/** Tokens of the admin API: whose, for which role, until when, and the hash of the secret. */
import type { Role } from '../role.ts';
import type { Sqlite, Statement } from './database.ts';

export interface TokenRow {
  readonly name: string;
  readonly role: Role;
  readonly createdAtMs: number;
  /** null: until it is revoked. */
  readonly expiresAtMs: number | null;
}

const COLUMNS = 'name, role, created_at_ms AS createdAtMs, expires_at_ms AS expiresAtMs';

export class TokenTable {
  readonly #insert: Statement<[string, Role, Buffer, number, number | null]>;
  readonly #revoke: Statement<[number, string]>;
  readonly #all: Statement<[], TokenRow>;
  readonly #byHash: Statement<[Buffer], TokenRow>;
  readonly #any: Statement<[], { one: 1 }>;

  constructor(sqlite: Sqlite) {
    this.#insert = sqlite.prepare(
      'INSERT INTO tokens (name, role, hash, created_at_ms, expires_at_ms) VALUES (?, ?, ?, ?, ?)',
    );
    this.#revoke = sqlite.prepare(
      'UPDATE tokens SET revoked_at_ms = ? WHERE name = ? AND revoked_at_ms IS NULL',
    );
    this.#all = sqlite.prepare(`SELECT ${COLUMNS} FROM tokens WHERE revoked_at_ms IS NULL ORDER BY name`);
    this.#byHash = sqlite.prepare(`SELECT ${COLUMNS} FROM tokens WHERE hash = ? AND revoked_at_ms IS NULL`);
    this.#any = sqlite.prepare('SELECT 1 AS one FROM tokens LIMIT 1');
  }

  /** Whether there ever was one. */
  any(): boolean {
    return this.#any.get() !== undefined;
  }

  /** Not revoked. */
  all(): TokenRow[] {
    return this.#all.all();
  }

  /** @param hash sha256 of the secret, 32 bytes */
  byHash(hash: Buffer): TokenRow | undefined {
    return this.#byHash.get(hash);
  }

  add({ name, role, createdAtMs, expiresAtMs }: TokenRow, hash: Buffer): void {
    this.#insert.run(name, role, hash, createdAtMs, expiresAtMs);
  }

  /** @returns false when there is none of this name */
  revoke(name: string, timeMs: number): boolean {
    return this.#revoke.run(timeMs, name).changes > 0;
  }
}
