/** A small server for sync tests: commits what comes in order, acknowledges after, and can be told to misbehave. */
import { connectAsync, type MqttClient } from 'mqtt';
import { type Batch, decodeBatch } from '../../../protocol/batch.ts';
import { encodeChunk } from '../../../protocol/chunk-codec.ts';
import { type SigningKey, sealEnvelope } from '../../../protocol/keys.ts';
import type { Ack, Birth, Desired, Reported, TrustRef, Want } from '../../../protocol/messages.ts';
import type { ChunkedPackage } from '../../../protocol/package-index.ts';
import type { RecordOf, Stream } from '../../../protocol/records.ts';
import { parseUpTopic, serverSubscriptions, topics } from '../../../protocol/topics.ts';
import { chunked } from '../../support/chunks.ts';
import { TestTeam } from '../../support/trust.ts';

export interface ReceivedBatch {
  readonly stream: Stream;
  readonly firstSeq: number;
  readonly gapBefore: number;
  readonly count: number;
}

export class FakeServer {
  readonly team: TestTeam;
  /** The signed metadata that its desired states come with; none before the first `publishTrust`. */
  trust: TrustRef | undefined;
  /** Every batch that arrived, repeats included. */
  readonly batches: ReceivedBatch[] = [];
  /** Committed records, a stream; each exactly once by construction, so tests look at gaps and repeats. */
  readonly committed = new Map<Stream, RecordOf[Stream][]>();
  readonly births: Birth[] = [];
  readonly gone: string[] = [];
  readonly reported: Reported[] = [];
  readonly wants: Want[] = [];
  /** Batches that could not be read; never answered. */
  malformed = 0;
  /** What to acknowledge in place of the truth; undefined: nothing. */
  answer: (ack: Ack) => Ack | undefined = (ack) => ack;
  /** False: the batch is lost on the way to the server. */
  takes: (batch: ReceivedBatch) => boolean = () => true;
  /** Called with each want; default: does nothing. */
  onWant: (chunks: readonly string[]) => void = () => undefined;
  readonly #cursors = new Map<string, number>();
  #client: MqttClient | undefined;

  constructor(team = new TestTeam()) {
    this.team = team;
  }

  /** Signs desired states. */
  get key(): SigningKey {
    return this.team.key('server');
  }

  async start(url: string): Promise<this> {
    const client = await connectAsync(url, { protocolVersion: 4, reconnectPeriod: 20 });
    client.on('error', () => undefined);
    client.on('message', (topic, payload) => this.#receive(topic, payload));
    await client.subscribeAsync([...serverSubscriptions], { qos: 1 });
    this.#client = client;
    return this;
  }

  async stop(): Promise<void> {
    await this.#client?.endAsync(true);
  }

  cursor(epoch: string, stream: Stream): number {
    return this.#cursors.get(`${epoch} ${stream}`) ?? 0;
  }

  /** Loses or finds records, as a restored backup would. */
  setCursor(epoch: string, stream: Stream, seq: number): void {
    this.#cursors.set(`${epoch} ${stream}`, seq);
  }

  async publish(topic: string, payload: Buffer | string, retain = false): Promise<void> {
    await this.#client?.publishAsync(topic, payload, { qos: 1, retain });
  }

  async publishDesired(desired: Desired, key = this.key): Promise<void> {
    await this.publish(topics.desired(desired.device), sealEnvelope(key, desired, this.trust), true);
  }

  /** @param only publishes just these chunks of it */
  async publishTrust(metadata = this.team.bundle(), only?: readonly string[]): Promise<TrustRef> {
    const packed = chunked(metadata);
    await this.publishChunks(packed, only);
    this.trust = { indexSha256: packed.indexSha256, sizeBytes: packed.sizeBytes };
    return this.trust;
  }

  async publishChunks({ chunks }: ChunkedPackage, only?: readonly string[]): Promise<void> {
    for (const [sha256, bytes] of chunks) {
      if (!only || only.includes(sha256)) await this.publish(topics.chunk(sha256), encodeChunk(bytes), true);
    }
  }

  #receive(topic: string, payload: Buffer): void {
    const to = parseUpTopic(topic);
    if (!to || payload.length === 0) return;
    if (to.kind === 'up') {
      this.#takeBatch(to.device, payload);
      return;
    }
    const message: unknown = JSON.parse(payload.toString());
    if (to.kind === 'birth') this.births.push(message as Birth);
    if (to.kind === 'gone') this.gone.push(to.device);
    if (to.kind === 'reported') this.reported.push(message as Reported);
    if (to.kind === 'want') {
      this.wants.push(message as Want);
      this.onWant((message as Want).chunks);
    }
  }

  #takeBatch(device: string, payload: Buffer): void {
    let decoded: Batch;
    try {
      decoded = decodeBatch(payload);
    } catch {
      this.malformed += 1;
      return;
    }
    const { records, ...header } = decoded;
    const { stream, storeEpoch, firstSeq, gapBefore, count, lastSeq } = header;
    const batch = { stream, firstSeq, gapBefore, count };
    this.batches.push(batch);
    if (!this.takes(batch)) return;
    const cursor = this.cursor(storeEpoch, stream);
    if (firstSeq - gapBefore <= cursor + 1) {
      const fresh = (records as RecordOf[Stream][]).filter(({ seq }) => seq > cursor);
      this.committed.set(stream, [...(this.committed.get(stream) ?? []), ...fresh]);
      this.setCursor(storeEpoch, stream, Math.max(cursor, lastSeq));
    }
    const ack = this.answer({
      v: 1,
      storeEpoch,
      stream,
      seq: this.cursor(storeEpoch, stream),
    });
    if (ack) void this.publish(topics.ack(device, ack.stream), JSON.stringify(ack)).catch(() => undefined);
  }
}
