/** What the server wants of this device: believed only when signed and newer, and still known after a reboot with no network. */
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { codeOf } from '../../protocol/errors.ts';
import { openEnvelope, type PublicKey } from '../../protocol/keys.ts';
import {
  type Desired,
  type DesiredSlot,
  desiredSchema,
  desiredSlotSchema,
  envelopeSchema,
  parseMessage,
} from '../../protocol/messages.ts';
import { agentError } from '../errors.ts';
import type { StateTable } from '../store/store.ts';

const KEY = 'sync/desired';

const keptSchema = z.object({
  /** The sealed message in force, as it came; null before the first. */
  envelope: z.string().nullable(),
  /** The highest generation believed so far, a key id: a new server may begin again, an old message never wins. */
  generations: z.record(z.string(), z.number()),
  /** What a person brought to a slot since; it counts until the server wants something else there. */
  local: z.record(z.string(), desiredSlotSchema).default({}),
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
   * What is wanted here: the newest state of the server, and what a person brought since. Undefined when nobody wanted
   * anything yet.
   * @throws CodedError SIGNATURE_UNTRUSTED when the server's key is trusted no more
   */
  kept(): Desired | undefined {
    const kept = this.#kept();
    return kept && this.#merged(kept, this.#fromServer(kept));
  }

  /** A person brought this to a slot. Durable when it returns. @throws CodedError STORE_FULL, STORE_UNWRITABLE */
  bring(slot: string, desired: DesiredSlot): Desired {
    const kept = this.#kept() ?? { envelope: null, generations: {}, local: {} };
    const now: Kept = { ...kept, local: { ...kept.local, [slot]: desired } };
    this.#deps.states.set(KEY, now);
    return this.#merged(now, this.#inForce(now));
  }

  /** @throws CodedError SIGNATURE_*, PAYLOAD_*, DESIRED_REFUSED (another device's): what this message says counts for nothing */
  verify(bytes: Buffer): void {
    this.#check(this.#open(bytes));
  }

  /**
   * Takes a sealed message; what it returns is committed to the device's store.
   * @returns undefined when this is the state that is in force already
   * @throws CodedError SIGNATURE_*, PAYLOAD_*, DESIRED_REFUSED
   */
  receive(bytes: Buffer): Desired | undefined {
    const { states } = this.#deps;
    const opened = this.#open(bytes);
    const { keyId, desired } = opened;
    this.#check(opened);
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
    const before = kept && this.#inForce(kept)?.slots;
    const local = Object.entries(kept?.local ?? {}).filter(([slot]) =>
      isDeepStrictEqual(before?.[slot], desired.slots[slot]),
    );
    const now: Kept = {
      envelope: bytes.toString('utf8'),
      generations: { ...kept?.generations, [keyId]: desired.generation },
      local: Object.fromEntries(local),
    };
    states.set(KEY, now);
    return this.#merged(now, desired);
  }

  #check({ desired }: Opened): void {
    const { device } = this.#deps;
    if (desired.device === device) return;
    throw agentError('DESIRED_REFUSED', `desired state is for ${desired.device}, this is ${device}`);
  }

  /** Undefined also when its key has lost the server's role since: the next state is then the first of its server. */
  #inForce(kept: Kept): Desired | undefined {
    try {
      return this.#fromServer(kept);
    } catch (error) {
      if (codeOf(error) === 'SIGNATURE_UNTRUSTED') return undefined;
      throw error;
    }
  }

  #merged({ local }: Kept, server: Desired | undefined): Desired {
    const { device } = this.#deps;
    const base = server ?? { v: 1, device, generation: 0, issuedAtMs: 0, slots: {} };
    return { ...base, slots: { ...base.slots, ...local } };
  }

  #fromServer({ envelope }: Kept): Desired | undefined {
    return envelope === null ? undefined : this.#open(Buffer.from(envelope)).desired;
  }

  /** True for the same state in a new envelope, too: a server may seal it again. */
  #isInForce(kept: Kept, { keyId, desired }: Opened): boolean {
    if (kept.generations[keyId] !== desired.generation) return false;
    const inForce = kept.envelope === null ? undefined : this.#open(Buffer.from(kept.envelope));
    return inForce?.keyId === keyId && isDeepStrictEqual(desired.slots, inForce.desired.slots);
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
