/**
 * Bytes that were once on the wire stay readable for ever: test/golden/*.bin beside the JSON that they decode to.
 * A change that breaks one of these breaks devices in the field; add new files, never change old ones.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { decodeBatch, encodeBatch } from '../../protocol/batch.ts';
import { openEnvelope, publicKeyFromHex, sealEnvelope, signingKeyFromPem } from '../../protocol/keys.ts';
import { type Desired, desiredSchema, envelopeSchema, parseMessage } from '../../protocol/messages.ts';
import type { EventRecord, Feedback, MetricRecord, Prediction } from '../../protocol/records.ts';

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', 'golden');
const epoch = '0123456789abcdef';

const predictions: Prediction[] = Array.from({ length: 5 }, (_, i) => ({
  seq: 101 + i,
  run: '00c0ffee',
  timeMs: 1_790_000_000_000 + i * 100 - (i === 3 ? 500 : 0),
  slot: i === 4 ? 'surface-inspection' : 'machine-failure',
  model: (i === 4 ? 'b' : 'a').repeat(64),
  role: i === 2 ? 'shadow' : i === 1 ? 'canary' : 'champion',
  correlationId: i === 0 ? null : `part-${i} ü`,
  label: i % 2,
  score: [0, 0.5, 0.25, 1, -3.5][i] ?? 0,
  latencyUs: 100 + i,
  health: i,
  pairOf: i === 2 ? 102 : 0,
  features: i === 0 ? [1.5, -2, 0] : i === 3 ? [1_000_000] : null,
  tags: {},
  propensity: 1,
  keptShare: 1,
  explored: false,
}));

/** What is not said on the wire is this. */
const usual = { precedence: 500, withdrawn: false, observedMs: null } as const;
const feedback: Feedback[] = [
  {
    seq: 1,
    timeMs: 1_790_000_000_000,
    predictionSeq: 101,
    slot: 'machine-failure',
    kind: 'implicit',
    label: 0,
    weight: 0.9,
    rule: 'no-failure-seen',
    evidence: 'no machine-failed within 2 s',
    ...usual,
  },
  {
    seq: 2,
    timeMs: 1_790_000_001_000,
    predictionSeq: 101,
    slot: 'machine-failure',
    kind: 'explicit',
    label: 1,
    weight: 1,
    rule: 'operator',
    evidence: 'geprüft',
    ...usual,
  },
];

const inCircumstances: Prediction[] = predictions.map((prediction, i) => ({
  ...prediction,
  tags: i < 3 ? { shift: 'early', 'source-version': '2.1 ü' } : {},
  propensity: i === 1 ? 0.05 : 1,
  explored: i === 1,
}));

const thinned: Prediction[] = inCircumstances.map((prediction, i) => ({
  ...prediction,
  seq: 101 + i + Math.max(0, i - 2) * 3,
  keptShare: i === 1 || i === 2 ? 1 : 0.25,
}));

const revised: Feedback[] = feedback.map((record, i) => ({
  ...record,
  precedence: i === 0 ? 200 : 1000,
  withdrawn: i === 0,
  observedMs: i === 0 ? 1_789_999_990_000 : null,
}));

const metrics: MetricRecord[] = [
  { seq: 9, timeMs: 1_790_000_000_000, name: 'predictions-per-s', slot: 'machine-failure', value: 12.25 },
  { seq: 10, timeMs: 1_790_000_000_000, name: 'rss-bytes', slot: null, value: 81_000_000 },
];

const events: EventRecord[] = [
  {
    seq: 4,
    timeMs: 1_790_000_000_000,
    kind: 'drift',
    severity: 'warning',
    slot: 'machine-failure',
    message: 'torque drifts',
    data: { psi: 0.31, feature: 'torque', drifting: true, until: null },
  },
];

/** A key for this test alone; it signs nothing else. */
const key = signingKeyFromPem(
  '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n-----END PRIVATE KEY-----\n',
);

const desired: Desired = {
  v: 1,
  device: 'press-1',
  generation: 7,
  issuedAtMs: 1_790_000_000_000,
  slots: {
    'machine-failure': {
      champion: ref('milling-failure', 1, 'a'),
      challenger: {
        model: { ...ref('milling-failure', 3, 'b'), tag: 'int8' },
        share: 0.05,
        rolloutId: 'r-1',
      },
    },
  },
};

const made: Record<string, () => Buffer> = {
  'predictions-v1': () => encodeBatch('predictions', epoch, predictions, 3),
  'predictions-v2': () => encodeBatch('predictions', epoch, predictions, 3),
  'feedback-v2': () => encodeBatch('feedback', epoch, revised),
  'metrics-v2': () => encodeBatch('metrics', epoch, metrics, 8),
  'events-v2': () => encodeBatch('events', epoch, events),
  'feedback-v1': () => encodeBatch('feedback', epoch, feedback),
  'predictions-circumstances-v1': () => encodeBatch('predictions', epoch, inCircumstances),
  'predictions-circumstances-v2': () => encodeBatch('predictions', epoch, inCircumstances),
  'feedback-precedence-v1': () => encodeBatch('feedback', epoch, revised),
  'predictions-thinned-v2': () => encodeBatch('predictions', epoch, thinned, 7),
  'metrics-v1': () => encodeBatch('metrics', epoch, metrics, 8),
  'events-v1': () => encodeBatch('events', epoch, events),
  'desired-v1': () => sealEnvelope(key, desired),
  'desired-v1-trust': () => sealEnvelope(key, desired, { indexSha256: 'd'.repeat(64), sizeBytes: 4711 }),
};

function read(name: string, bytes: Buffer): unknown {
  if (!name.startsWith('desired')) return decodeBatch(bytes);
  const opened = openEnvelope([publicKeyFromHex(key.publicHex)], desiredSchema, bytes, name);
  const { trust } = parseMessage(envelopeSchema, bytes, name);
  return trust ? { trust, ...opened } : opened;
}

if (process.env.ANDON_WRITE_GOLDEN === '1') {
  for (const [name, make] of Object.entries(made)) {
    if (existsSync(join(folder, `${name}.bin`))) continue;
    writeFileSync(join(folder, `${name}.bin`), make());
    writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(read(name, make()), null, 2)}\n`);
  }
}

describe('golden bytes', () => {
  const names = readdirSync(folder)
    .filter((name) => name.endsWith('.bin'))
    .map((name) => name.slice(0, -4));

  it('are there for every kind of message', () => {
    expect(names).toEqual(expect.arrayContaining(Object.keys(made)));
  });

  it.each(names)('%s is read as it always was', (name) => {
    const bytes = readFileSync(join(folder, `${name}.bin`));
    // A later version may read more out of them.
    expect(read(name, bytes)).toMatchObject(JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')));
  });

  it.each(Object.entries(made))('%s made today is what readers of then understand', (name, make) => {
    const then = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));
    expect(read(name, make())).toMatchObject(then);
  });
});

function ref(name: string, version: number, digit: string) {
  return { name, version, manifestSha256: digit.repeat(64), indexSha256: 'c'.repeat(64), sizeBytes: 90_000 };
}
