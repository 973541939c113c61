/** Tokens of the admin API: made once, shown once, kept as a hash. */
import { createHash, randomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { serverError } from '../errors.ts';
import type { Role } from '../role.ts';
import type { ServerStore } from '../store/server-store.ts';
import type { TokenRow } from '../store/token-table.ts';

/** 256 random bits cannot be guessed, so one plain sha256 keeps them: a slow hash is for what people think up. */
const SECRET_BYTES = 32;
const SECRET = /^andon_[\w-]{43}$/;
const NAME = /^[a-z0-9][a-z0-9.-]{0,62}$/;

/** Who calls, for the audit log, and what they may. */
export interface Caller {
  readonly name: string;
  readonly role: Role;
}

export interface TokensDeps {
  readonly store: Pick<ServerStore, 'tokens' | 'audit' | 'transaction'>;
  readonly clock: Pick<Clock, 'wallMs'>;
}

export class Tokens {
  readonly #deps: TokensDeps;

  constructor(deps: TokensDeps) {
    this.#deps = deps;
  }

  /** Whether there ever was a token: a server whose tokens ended or were revoked is no open one. */
  get exist(): boolean {
    return this.#deps.store.tokens.any();
  }

  list(): TokenRow[] {
    return this.#deps.store.tokens.all();
  }

  /**
   * @param validDays null: until it is revoked
   * @param who makes it, for the audit log
   * @returns the secret, which nobody can be told again
   * @throws CodedError TOKEN_NAME_INVALID, TOKEN_NAME_TAKEN
   */
  add(name: string, role: Role, validDays: number | null, who: string): string {
    if (!NAME.test(name)) {
      throw serverError('TOKEN_NAME_INVALID', `"${name}" is no name for a token`, {
        hint: 'Lower-case letters, digits, dots and dashes: the person or program that will hold it.',
      });
    }
    const { store, clock } = this.#deps;
    const secret = `andon_${randomBytes(SECRET_BYTES).toString('base64url')}`;
    const createdAtMs = clock.wallMs();
    const expiresAtMs = validDays === null ? null : Math.round(createdAtMs + validDays * 86_400_000);
    store.transaction(() => {
      if (store.tokens.all().some((token) => token.name === name)) {
        throw serverError('TOKEN_NAME_TAKEN', `there is a token of ${name} already`, {
          hint: `Revoke it first: andon tokens revoke ${name}. Or choose another name.`,
        });
      }
      store.tokens.add({ name, role, createdAtMs, expiresAtMs }, hashOf(secret));
      store.audit.append({ timeMs: createdAtMs, who, action: 'token-added', subject: `${name} ${role}` });
    });
    return secret;
  }

  /** In force at once, also where someone is signed in with it. @throws CodedError TOKEN_UNKNOWN */
  revoke(name: string, who: string): void {
    const { store, clock } = this.#deps;
    const timeMs = clock.wallMs();
    store.transaction(() => {
      if (!store.tokens.revoke(name, timeMs)) {
        throw serverError('TOKEN_UNKNOWN', `there is no token of ${name}`, {
          hint: 'See: andon tokens list',
        });
      }
      store.audit.append({ timeMs, who, action: 'token-revoked', subject: name });
    });
  }

  /** @returns undefined for what is no token, or none that is in force */
  find(secret: string): Caller | undefined {
    return SECRET.test(secret) ? this.findByHash(hashOf(secret)) : undefined;
  }

  findByHash(hash: Buffer): Caller | undefined {
    const token = this.#deps.store.tokens.byHash(hash);
    if (!token) return undefined;
    const { name, role, expiresAtMs } = token;
    return expiresAtMs === null || this.#deps.clock.wallMs() < expiresAtMs ? { name, role } : undefined;
  }
}

export function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
