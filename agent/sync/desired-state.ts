/** What the server wants of this device: believed only when signed and newer, and still known after a reboot with no network. */
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { openEnvelope, type PublicKey } from '../../protocol/keys.ts';
import { type Desired, desiredSchema, envelopeSchema, parseMessage } from '../../protocol/messages.ts';
import { agentError } from '../errors.ts';
import type { StateTable } from '../store/store.ts';

const KEY = 'sync/desired';

const keptSchema = z.object({
  /** The sealed message in force, as it came. */
  envelope: z.string(),
  /** The highest generation believed so far, a key id: a new server may begin again, an old message never wins. */
  generations: z.record(z.string(), z.number()),
});
type Kept = z.infer<typeof keptSchema>;

interface Opened {
  readonly keyId: string;
  readonly desired: Desired;
}

export interface DesiredStateDeps {
  readonly device: string;
  /** Whom to obey, as trust has it at the moment. */
  readonly serverKeys: () => readonly PublicKey[];
  readonly states: StateTable;
}

export class DesiredState {
  readonly #deps: DesiredStateDeps;

  constructor(deps: DesiredStateDeps) {
    this.#deps = deps;
  }

  /**
   * The newest desired state that was ever received, or undefined.
   * @throws CodedError SIGNATURE_UNTRUSTED when its key is trusted no more
   */
  kept(): Desired | undefined {
    const kept = this.#kept();
    return kept && this.#open(Buffer.from(kept.envelope)).desired;
  }

  /**
   * Takes a sealed message; what it returns is committed to the device's store.
   * @returns undefined when this is the state that is in force already
   * @throws CodedError SIGNATURE_*, PAYLOAD_*, DESIRED_REFUSED
   */
  receive(bytes: Buffer): Desired | undefined {
    const { device, states } = this.#deps;
    const opened = this.#open(bytes);
    const { keyId, desired } = opened;
    if (desired.device !== device) {
      throw agentError('DESIRED_REFUSED', `desired state is for ${desired.device}, this is ${device}`);
    }
    const kept = this.#kept();
    if (kept && this.#isInForce(kept, opened)) return undefined;
    const known = kept?.generations[keyId] ?? 0;
    if (desired.generation <= known) {
      throw agentError(
        'DESIRED_REFUSED',
        `desired state has generation ${desired.generation}, generation ${known} was seen already`,
        { hint: 'If the server was set back to an older backup, let it issue a newer generation.' },
      );
    }
    const generations = { ...kept?.generations, [keyId]: desired.generation };
    states.set(KEY, { envelope: bytes.toString('utf8'), generations } satisfies Kept);
    return desired;
  }

  /** True for the same state in a new envelope, too: a server may seal it again. */
  #isInForce(kept: Kept, { keyId, desired }: Opened): boolean {
    if (kept.generations[keyId] !== desired.generation) return false;
    const inForce = parseMessage(envelopeSchema, Buffer.from(kept.envelope), 'kept desired state');
    if (inForce.keyId !== keyId) return false;
    return isDeepStrictEqual(desired.slots, this.#open(Buffer.from(kept.envelope)).desired.slots);
  }

  #open(bytes: Buffer): Opened {
    const desired = openEnvelope(this.#deps.serverKeys(), desiredSchema, bytes, 'desired state');
    return { keyId: parseMessage(envelopeSchema, bytes, 'desired state').keyId, desired };
  }

  #kept(): Kept | undefined {
    const value = this.#deps.states.get(KEY);
    return value === undefined ? undefined : keptSchema.safeParse(value).data;
  }
}
