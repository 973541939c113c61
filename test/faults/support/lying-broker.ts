/**
 * An MQTT broker that answers each PUBLISH with a PUBACK and then lies: of batches and acknowledgements it loses some, hands
 * some on late and so in another order, some again and again, and it makes up acknowledgements of its own.
 */
import type { AedesPublishPacket } from 'aedes';
import type { Random } from '../../../agent/sources/random.ts';
import { decodeBatchHeader } from '../../../protocol/batch.ts';
import { parseUpTopic, topics } from '../../../protocol/topics.ts';
import { type OpenAedes, openAedes } from '../../support/brokers.ts';

/** Of all messages, of each kind of lie. */
const LOST_SHARE = 0.05;
const LATE_SHARE = 0.15;
const REPEATED_SHARE = 0.15;
const FORGED_SHARE = 0.15;
const REPEATS = 3;
const LATE_MS = 400;
const OTHER_EPOCH = 'feedfeedfeedfeed';

export interface Lies {
  lost: number;
  late: number;
  repeated: number;
  /** Acknowledgements of its own making. */
  forged: number;
}

export class LyingBroker {
  readonly lies: Lies = { lost: 0, late: 0, repeated: 0, forged: 0 };
  readonly #random: Random;
  /** Payloads that it hands on at last. */
  readonly #released = new WeakSet<Buffer>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #honest = false;
  #birthsToLose = 0;
  #running: OpenAedes | undefined;

  constructor(random: Random) {
    this.#random = random;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.#running?.port ?? 0}`;
  }

  /** Lies told so far. */
  get told(): number {
    return Object.values(this.lies).reduce((sum, count) => sum + count, 0);
  }

  async start(): Promise<this> {
    this.#running = await openAedes();
    this.#running.aedes.authorizeForward = (_client, packet) => (this.#handsOn(packet) ? packet : null);
    return this;
  }

  /** Tells no more lies; what it held back is lost. */
  becomeHonest(): void {
    this.#honest = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  /** The next births reach nobody, also when it tells no other lies. */
  loseBirths(count: number): void {
    this.#birthsToLose = count;
  }

  /** Births that are still to be lost. */
  get birthsToLose(): number {
    return this.#birthsToLose;
  }

  async stop(): Promise<void> {
    this.becomeHonest();
    await this.#running?.stop();
  }

  /** @returns false: the subscriber does not get it, not now */
  #handsOn({ topic, payload }: AedesPublishPacket): boolean {
    if (this.#birthsToLose > 0 && topic.endsWith('/birth')) {
      this.#birthsToLose -= 1;
      return false;
    }
    if (this.#honest || !/\/(?:up|ack)\//.test(topic) || !Buffer.isBuffer(payload)) return true;
    if (this.#released.has(payload)) return true;
    if (this.#draws(FORGED_SHARE) && this.#forge(topic, payload)) return false;
    if (this.#draws(REPEATED_SHARE)) {
      for (let n = 0; n < REPEATS; n++) this.#later(topic, Buffer.from(payload));
      this.lies.repeated += 1;
    }
    if (this.#draws(LOST_SHARE)) {
      this.lies.lost += 1;
      return false;
    }
    if (this.#draws(LATE_SHARE)) {
      this.lies.late += 1;
      this.#later(topic, Buffer.from(payload));
      return false;
    }
    return true;
  }

  /**
   * An acknowledgement that no server gave: each of these has been in the mind of an attacker.
   * @returns whether the batch itself goes no further: the server asks for it with the next one, and the device still has it
   */
  #forge(topic: string, payload: Buffer): boolean {
    const to = parseUpTopic(topic);
    if (to?.kind !== 'up') return false;
    const { storeEpoch, stream, firstSeq, count } = decodeBatchHeader(payload);
    const lastSeq = firstSeq + count - 1;
    const forgeries = [
      { storeEpoch: OTHER_EPOCH, seq: lastSeq },
      { storeEpoch, seq: lastSeq + 1_000_000 },
      { storeEpoch, seq: 0 },
      { storeEpoch, seq: lastSeq },
    ];
    const chosen = Math.floor(this.#random.uniform() * forgeries.length);
    this.lies.forged += 1;
    const ack = { v: 1, stream, ...forgeries[chosen] };
    this.#later(topics.ack(to.device, stream), Buffer.from(JSON.stringify(ack)));
    return chosen === forgeries.length - 1;
  }

  #later(topic: string, payload: Buffer): void {
    this.#released.add(payload);
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      const packet = { cmd: 'publish', topic, payload, qos: 1, retain: false, dup: false } as const;
      this.#running?.aedes.publish(packet, () => undefined);
    }, this.#random.uniform() * LATE_MS);
    this.#timers.add(timer);
  }

  #draws(share: number): boolean {
    return this.#random.uniform() < share;
  }
}
