/** Order never depends on the wall clock: it jumps hours both ways while a device records, labels, sends, and starts again. */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FeedbackRules } from '../../agent/feedback/feedback-rules.ts';
import type { Store } from '../../agent/store/store.ts';
import { encodeBatch } from '../../protocol/batch.ts';
import {
  closeStore,
  newPrediction,
  openTempStore,
  record,
  silentLog,
  TestClock,
  tempFolder,
} from '../agent/store/temp-store.ts';
import {
  birth,
  ingestOver,
  type TestIngest,
  temporaryFolder,
  temporaryStore,
} from '../sync-server/support.ts';

const HOUR_MS = 3_600_000;
const SLOT = 'inspection';
const LABELS = Array.from({ length: 50 }, (_, i) => `label-${i}`);

type Step =
  | { readonly kind: 'jump'; readonly byMs: number }
  | { readonly kind: 'record'; readonly parts: number }
  | { readonly kind: 'label'; readonly back: number }
  | { readonly kind: 'send' }
  | { readonly kind: 'restart' };

const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    arbitrary: fc.record({
      kind: fc.constant('jump' as const),
      byMs: fc.integer({ min: -30 * HOUR_MS, max: 30 * HOUR_MS }),
    }),
    weight: 3,
  },
  {
    arbitrary: fc.record({ kind: fc.constant('record' as const), parts: fc.integer({ min: 1, max: 30 }) }),
    weight: 4,
  },
  {
    arbitrary: fc.record({ kind: fc.constant('label' as const), back: fc.integer({ min: 0, max: 40 }) }),
    weight: 2,
  },
  { arbitrary: fc.constant<Step>({ kind: 'send' }), weight: 2 },
  { arbitrary: fc.constant<Step>({ kind: 'restart' }), weight: 1 },
);

class Device {
  readonly #clock = new TestClock();
  readonly #folder = tempFolder();
  readonly #labels = new Map<number, number>();
  readonly id: string;
  #life = this.#open();
  #made = 0;

  constructor(id: string) {
    this.id = id;
  }

  async play(step: Step, server: TestIngest): Promise<void> {
    if (step.kind === 'jump') this.#clock.advance(step.byMs);
    else if (step.kind === 'record') await this.#record(step.parts);
    else if (step.kind === 'label') await this.#label(step.back);
    else if (step.kind === 'send') this.send(server);
    else {
      await closeStore(this.#life.store);
      this.#life = this.#open();
    }
  }

  send(server: TestIngest): void {
    const { epoch, streams } = this.#life.store;
    server.receive(`andon/v1/${this.id}/birth`, birth(this.id, epoch));
    for (const stream of ['predictions', 'feedback'] as const) {
      const { records, gapBefore } = streams.read(stream, streams.acked(stream), 5000);
      if (records.length === 0) continue;
      server.send(this.id, stream, encodeBatch(stream, epoch, records as never, gapBefore));
      streams.ack(stream, server.acks.at(-1)?.seq ?? 0);
    }
  }

  /** What was made, in its order, and the label of each that has one. */
  check(): { parts: string[]; labels: ReadonlyMap<number, number> } {
    const { records } = this.#life.store.streams.read('predictions', 0, 5000);
    expect(records.map(({ seq }) => seq)).toEqual(records.map((_, i) => i + 1));
    for (const [seq, label] of this.#labels)
      expect(this.#life.store.predictions.labelOf(seq)?.label).toBe(label);
    expect(this.#life.store.predictions.position(SLOT, 'line')).toBe(this.#made);
    expect(this.#life.store.predictions.recent(SLOT, 3).map(({ seq }) => seq)).toEqual(
      [this.#made, this.#made - 1, this.#made - 2].filter((seq) => seq > 0),
    );
    return { parts: records.map(({ correlationId }) => String(correlationId)), labels: this.#labels };
  }

  get made(): number {
    return this.#made;
  }

  #open(): { readonly store: Store; readonly rules: FeedbackRules } {
    const clock = this.#clock;
    const { store, counters } = openTempStore({ folder: this.#folder, clock, commitWithinMs: 0 });
    const slots = { [SLOT]: { feedback: [] } };
    const rules = new FeedbackRules({
      store,
      slots,
      labelsOf: () => LABELS,
      clock,
      log: silentLog,
      counters,
    });
    return { store, rules };
  }

  async #record(parts: number): Promise<void> {
    const rows = Array.from({ length: parts }, (_, i) =>
      newPrediction({
        correlationId: `part-${this.#made + i + 1}`,
        timeMs: Math.max(0, this.#clock.wallMs()),
      }),
    );
    this.#made += parts;
    await record(this.#life.store, rows, this.#made);
  }

  /** The newest word stands, however late the clock says it is. */
  async #label(back: number): Promise<void> {
    const { store, rules } = this.#life;
    const prediction = store.predictions.bySeq(Math.max(1, this.#made - back));
    if (!prediction) return;
    const label = ((this.#labels.get(prediction.seq) ?? 0) + 1) % LABELS.length;
    this.#labels.set(prediction.seq, label);
    await rules.answer({ predictionId: prediction.id, label: LABELS[label] ?? null });
  }
}

it('keeps every record in the order in which it was made, once, with the label last given', async () => {
  const folder = temporaryFolder();
  const server = ingestOver(temporaryStore(folder));
  const database = new Database(join(folder, 'server.db'), { readonly: true });
  let devices = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { minLength: 5, maxLength: 25 }), async (played) => {
      devices += 1;
      const device = new Device(`device-${devices}`);
      for (const step of played) await device.play(step, server);
      device.send(server);
      const { parts, labels } = device.check();
      const there = database
        .prepare<[string], [number, string, number | null]>(
          `SELECT p.seq, p.correlation_id, l.label FROM predictions p JOIN epochs e ON e.id = p.epoch_id
           LEFT JOIN labels l ON l.epoch_id = p.epoch_id AND l.prediction_seq = p.seq
           WHERE e.device = ? ORDER BY p.seq`,
        )
        .raw()
        .all(device.id);
      expect(there.map(([, part]) => part)).toEqual(parts);
      expect(parts).toHaveLength(device.made);
      for (const [seq, , label] of there) expect([seq, label]).toEqual([seq, labels.get(seq) ?? null]);
    }),
    { numRuns: 40 },
  );
  database.close();
}, 120_000);
