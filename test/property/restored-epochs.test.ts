/**
 * Promise 3 over restores: a device that is put back to copies of its database, again and again, over a broker that loses,
 * delays, repeats and reorders, has each of its records at the server once, and its labels on their predictions.
 */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { encodeBatch } from '../../protocol/batch.ts';
import { type Birth, MAX_INHERITED } from '../../protocol/messages.ts';
import type { Stream } from '../../protocol/records.ts';
import { topics } from '../../protocol/topics.ts';
import { testTimeoutMs, times } from '../faults/support/form.ts';
import {
  birth,
  feedback,
  ingestOver,
  prediction,
  type TestIngest,
  temporaryFolder,
  temporaryStore,
} from '../sync-server/support.ts';

const DEVICE = 'mill-1';
const BATCH = 7;

type Step =
  | { readonly kind: 'record'; readonly count: number }
  | { readonly kind: 'label'; readonly at: number }
  | { readonly kind: 'copy' }
  | { readonly kind: 'restore'; readonly copy: number }
  | { readonly kind: 'birth' }
  | { readonly kind: 'send'; readonly after: number }
  | { readonly kind: 'deliver'; readonly at: number; readonly keeps: boolean };

const share = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('record' as const), count: fc.integer({ min: 1, max: 12 }) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('label' as const), at: share }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'copy' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restore' as const), copy: share }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'birth' as const }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('send' as const), after: share }) },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('deliver' as const), at: share, keeps: fc.boolean() }),
  },
);

/** What stands in a device's file: names of its predictions, and of which prediction each of its labels speaks. */
interface File {
  readonly epoch: string;
  readonly inherits: NonNullable<Birth['inherits']>;
  readonly predictions: readonly string[];
  readonly labels: readonly { readonly of: string; readonly seq: number }[];
}

class Device {
  file: File = { epoch: '0000000000000001', inherits: [], predictions: [], labels: [] };
  readonly #copies: File[] = [];
  readonly #underWay: { readonly topic: string; readonly payload: Buffer | string }[] = [];
  readonly #server: TestIngest;
  #epochs = 1;
  #names = 0;

  constructor(server: TestIngest) {
    this.#server = server;
  }

  run(step: Step): void {
    const { file } = this;
    switch (step.kind) {
      case 'record': {
        const made = Array.from({ length: step.count }, () => `part-${++this.#names}`);
        this.file = { ...file, predictions: [...file.predictions, ...made] };
        break;
      }
      case 'label': {
        const at = Math.floor(step.at * file.predictions.length);
        const of = file.predictions[at];
        if (of !== undefined) this.file = { ...file, labels: [...file.labels, { of, seq: at + 1 }] };
        break;
      }
      case 'copy':
        this.#copies.push(file);
        break;
      case 'restore':
        this.#restore(this.#copies[Math.floor(step.copy * this.#copies.length)]);
        break;
      case 'birth':
        this.#underWay.push({ topic: topics.birth(DEVICE), payload: this.#birth() });
        break;
      case 'send':
        // From any place: what the device knows of acknowledgements may be old.
        this.#underWay.push(...this.#batches(step.after).slice(0, 1));
        break;
      case 'deliver': {
        const at = Math.floor(step.at * this.#underWay.length);
        const message = this.#underWay[at];
        if (message) this.#server.receive(message.topic, message.payload);
        if (!step.keeps) this.#underWay.splice(at, 1);
        this.#server.ingest.flush();
      }
    }
  }

  /** An honest connection at last. */
  settle(): void {
    this.#server.receive(topics.birth(DEVICE), this.#birth());
    for (const { topic, payload } of this.#batches(0)) this.#server.receive(topic, payload);
    this.#server.ingest.flush();
  }

  #restore(copy: File | undefined): void {
    if (!copy || this.#epochs > MAX_INHERITED) return;
    this.#epochs += 1;
    const none: Record<Stream, number> = { predictions: 0, feedback: 0, metrics: 0, events: 0 };
    const heads = { ...none, predictions: copy.predictions.length, feedback: copy.labels.length };
    const inherits = [{ storeEpoch: copy.epoch, heads }, ...copy.inherits].slice(0, MAX_INHERITED);
    this.file = { ...copy, epoch: this.#epochs.toString(16).padStart(16, '0'), inherits };
  }

  #birth(): string {
    const { epoch, inherits } = this.file;
    return JSON.stringify({ ...JSON.parse(birth(DEVICE, epoch)), inherits });
  }

  #batches(after: number): { topic: string; payload: Buffer }[] {
    const { epoch, predictions, labels } = this.file;
    const said = predictions.map((name, i) => prediction(i + 1, { correlationId: name }));
    const told = labels.map(({ of, seq }, i) => feedback(i + 1, seq, { evidence: of }));
    const from = (count: number) => Math.floor(after * count);
    return [
      ...slices(said, from(said.length)).map((part) => ({
        topic: topics.up(DEVICE, 'predictions'),
        payload: encodeBatch('predictions', epoch, part),
      })),
      ...slices(told, from(told.length)).map((part) => ({
        topic: topics.up(DEVICE, 'feedback'),
        payload: encodeBatch('feedback', epoch, part),
      })),
    ];
  }
}

function slices<T>(all: readonly T[], from: number): T[][] {
  return Array.from({ length: Math.ceil((all.length - from) / BATCH) }, (_, i) =>
    all.slice(from + i * BATCH, from + (i + 1) * BATCH),
  );
}

it(
  'has each record of a device once, and each label on its prediction, whatever was restored and lost',
  () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 120 }), (steps) => {
        const folder = temporaryFolder();
        const store = temporaryStore(folder);
        const server = ingestOver(store);
        const device = new Device(server);
        // A device that ever said its birth: one that never did is taken at its word.
        device.run({ kind: 'birth' });
        device.run({ kind: 'deliver', at: 0, keeps: true });
        for (const each of steps) device.run(each);
        device.settle();
        const rows = namesIn(folder);
        expect(rows.length).toBe(new Set(rows).size);
        expect(new Set(rows)).toEqual(new Set([...rows, ...device.file.predictions]));
        const query = { slot: 'machine-failure', model: null, sinceMs: 0, untilMs: Number.MAX_SAFE_INTEGER };
        const { samples } = store.labelledSamples.page(query, null, 10_000);
        for (const { correlationId, evidence } of samples) expect(evidence).toBe(correlationId);
        const labelled = new Set(samples.map(({ correlationId }) => correlationId));
        expect(device.file.labels.filter(({ of }) => !labelled.has(of))).toEqual([]);
      }),
      { numRuns: times(60, 2000) },
    );
  },
  testTimeoutMs,
);

function namesIn(folder: string): string[] {
  const db = new Database(join(folder, 'server.db'), { readonly: true });
  try {
    return db.prepare<[], string>('SELECT correlation_id FROM predictions').pluck().all();
  } finally {
    db.close();
  }
}
