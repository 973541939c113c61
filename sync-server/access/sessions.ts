/** Who is signed in at the console. In memory: a restart signs everyone out. */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { type Caller, hashOf, type Tokens } from './tokens.ts';

const LASTS_MS = 12 * 3_600_000;
const MAX_SESSIONS = 1000;

interface Session {
  readonly tokenHash: Buffer;
  readonly endsAtMs: number;
}

/** A cookie holds a session's id instead of the token, so that the token itself stays in no browser. */
export class Sessions {
  readonly #tokens: Tokens;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #sessions = new Map<string, Session>();

  constructor(tokens: Tokens, clock: Pick<Clock, 'monotonicMs'>) {
    this.#tokens = tokens;
    this.#clock = clock;
  }

  /** @param secret of a token that is in force */
  open(secret: string): string {
    const id = randomBytes(32).toString('base64url');
    // The oldest goes, so that signing in again and again cannot fill the memory.
    const oldest = this.#sessions.keys().next().value;
    if (oldest !== undefined && this.#sessions.size >= MAX_SESSIONS) this.#sessions.delete(oldest);
    this.#sessions.set(id, { tokenHash: hashOf(secret), endsAtMs: this.#clock.monotonicMs() + LASTS_MS });
    return id;
  }

  close(id: string): void {
    this.#sessions.delete(id);
  }

  /** The token is asked each time, so that its end or revocation ends the session too. */
  find(id: string): Caller | undefined {
    const session = this.#sessions.get(id);
    if (!session) return undefined;
    const caller =
      this.#clock.monotonicMs() < session.endsAtMs ? this.#tokens.findByHash(session.tokenHash) : undefined;
    if (!caller) this.#sessions.delete(id);
    return caller;
  }
}
