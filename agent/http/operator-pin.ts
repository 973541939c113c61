/** The operators' PIN: what changes the device asks for it. Kept as a salted scrypt hash in a file of its own. */

import { randomBytes, scryptSync, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { codeOf } from '../../protocol/errors.ts';
import type { Clock } from '../clock.ts';
import { agentError } from '../errors.ts';

/** The header by which page and command line bring it. */
export const PIN_HEADER = 'x-andon-pin';
/** Of scrypt: 16 MiB and about 50 ms a try. */
const COST = { N: 16_384, r: 8, p: 1 } as const;
const HASH_BYTES = 32;
const WRONG_BEFORE_LOCK = 5;
const LOCKED_MS = 60_000;

const pinFileSchema = z.strictObject({
  salt: z.string().regex(/^[0-9a-f]{32}$/),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
});

/** The text of a PIN file. */
export function hashPin(pin: string): string {
  const salt = randomBytes(16);
  const hash = scryptSync(pin, salt, HASH_BYTES, COST);
  return `${JSON.stringify({ salt: salt.toString('hex'), hash: hash.toString('hex') })}\n`;
}

export class OperatorPin {
  readonly #file: string | null;
  readonly #clock: Clock;
  #wrong = 0;
  #lockedUntilMs = Number.NEGATIVE_INFINITY;

  /** @param file made by `andon pin`; null: nobody has a PIN here */
  constructor(file: string | null, clock: Clock) {
    this.#file = file;
    this.#clock = clock;
  }

  get isSet(): boolean {
    return this.#file !== null;
  }

  /**
   * @throws CodedError PIN_NOT_SET, PIN_WRONG, PIN_LOCKED (five wrong ones lock it for a minute)
   */
  check(pin: unknown): void {
    const { salt, hash } = this.#read();
    const nowMs = this.#clock.monotonicUs() / 1000;
    if (nowMs < this.#lockedUntilMs) {
      throw agentError('PIN_LOCKED', 'too many wrong PINs', {
        hint: `Wait ${Math.ceil((this.#lockedUntilMs - nowMs) / 1000)} seconds and try again.`,
      });
    }
    const given = typeof pin === 'string' && pin.length <= 64 ? pin : '';
    const found = scryptSync(given, Buffer.from(salt, 'hex'), HASH_BYTES, COST);
    if (given !== '' && timingSafeEqual(found, Buffer.from(hash, 'hex'))) {
      this.#wrong = 0;
      return;
    }
    this.#wrong += 1;
    if (this.#wrong >= WRONG_BEFORE_LOCK) {
      this.#wrong = 0;
      this.#lockedUntilMs = nowMs + LOCKED_MS;
    }
    throw agentError('PIN_WRONG', given === '' ? 'this needs the operators’ PIN' : 'the PIN is wrong', {
      hint: 'Ask whoever set this device up. Five wrong ones lock it for a minute.',
    });
  }

  #read(): z.infer<typeof pinFileSchema> {
    if (this.#file === null) throw notSet('this device has no PIN, so nobody may do this here');
    try {
      return pinFileSchema.parse(JSON.parse(readFileSync(this.#file, 'utf8')));
    } catch (cause) {
      const why = codeOf(cause) === 'ENOENT' ? 'is missing' : 'cannot be read';
      throw notSet(`the PIN file ${this.#file} ${why}`, cause);
    }
  }
}

function notSet(message: string, cause?: unknown): Error {
  return agentError('PIN_NOT_SET', message, {
    hint: 'Make one with: andon pin <file>, and name that file under http.pinFile in device.config.json.',
    cause,
  });
}
