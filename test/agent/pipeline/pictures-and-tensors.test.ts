/** Models that take pictures or several tensors, on the same way through the house as any other: decided, recorded, self-tested. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../agent/clock.ts';
import { deviceConfigSchema } from '../../../agent/config/schema.ts';
import { EngineProcess } from '../../../agent/inference/engine-client.ts';
import type { NamedTensor } from '../../../agent/inference/tensor.ts';
import type { ActiveModel, SlotModels } from '../../../agent/models/active-models.ts';
import { parseGolden, runGoldenTest } from '../../../agent/models/golden-test.ts';
import { Pipeline } from '../../../agent/pipeline/pipeline.ts';
import type { Sample } from '../../../agent/sources/source.ts';
import { openStore } from '../../../agent/store/open-store.ts';
import type { StoredPrediction } from '../../../agent/store/records.ts';
import type { Store } from '../../../agent/store/store.ts';
import { Counters } from '../../../daemon/counters.ts';
import { modelIn, type PackageOptions } from '../../support/packages.ts';
import { meanOnnx, passingOnnx } from '../../support/tiny-onnx.ts';

const log = pino({ level: 'silent' });
let folder: string;
let store: Store;
let engine: EngineProcess;
let counters: Counters;
let observed: string[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'andon-inputs-'));
  counters = new Counters();
  observed = [];
  engine = new EngineProcess({ threads: 1, timeoutMs: 10_000, log, clock: systemClock, counters });
  store = openStore({ folder, maxBytes: 2 ** 24, commitWithinMs: 2, clock: systemClock, log, counters });
  await engine.start();
});

afterEach(async () => {
  await engine.stop();
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

async function load(options: PackageOptions): Promise<ActiveModel> {
  const model = modelIn(folder, options);
  await engine.load(model);
  return model;
}

/** What is recorded of these samples. */
async function predict(models: SlotModels, samples: readonly Partial<Sample>[]): Promise<StoredPrediction[]> {
  const committed: StoredPrediction[] = [];
  const { slots } = deviceConfigSchema.parse({
    device: { id: 'd1' },
    sources: { line: { kind: 'simulated-line' } },
    slots: { press: { source: 'line', model: 'm', keepFeatures: true } },
  });
  const pipeline = new Pipeline({
    config: { slots },
    models: { of: () => models },
    engine,
    recorder: store.recorder,
    monitorOf: () => ({ health: () => 0, observe: () => undefined, predicted: () => undefined }),
    observe: (_slot, _model, outcome, count) => observed.push(`${outcome} ${count}`),
    onLineEvent: () => undefined,
    clock: systemClock,
    log,
    counters,
  });
  pipeline.onCommitted((_slot, predictions) => committed.push(...predictions));
  const sink = pipeline.sinkOf('line');
  for (const [i, sample] of samples.entries()) {
    sink.sample({ source: 'line', timeMs: i, correlationId: `p${i}`, features: {}, ...sample });
  }
  await pipeline.drain();
  return committed;
}

const picture = (grey: number) =>
  sharp({ create: { width: 40, height: 20, channels: 3, background: { r: grey, g: grey, b: grey } } })
    .png()
    .toBuffer();

/** Says how bright a picture is, in bands. */
const brightness: PackageOptions = {
  onnx: meanOnnx([3, 8, 8]),
  input: { kind: 'image', tensor: 'input', width: 8, height: 8, channels: 3, layout: 'nchw', fit: 'cover' },
  output: 'mean',
  decision: { kind: 'bands', labels: ['dark', 'middle', 'bright'], edges: [64, 192], unit: 'grey' },
};

describe('a model of pictures', () => {
  it('decides them as they come encoded', async () => {
    const champion = await load(brightness);
    const samples = await Promise.all([10, 100, 250].map(async (grey) => ({ image: await picture(grey) })));
    const predictions = await predict({ champion, challenger: null }, samples);
    expect(predictions.map(({ label, score }) => [label, score])).toEqual([
      [0, 10],
      [1, 100],
      [2, 250],
    ]);
  });

  it('refuses the picture that cannot be read, and no other of its batch; it is not the model’s fault', async () => {
    const champion = await load(brightness);
    const samples = [
      { image: await picture(10) },
      { image: Buffer.from('no picture') },
      { image: await picture(250) },
      { features: { a: 1 } },
    ];
    const predictions = await predict({ champion, challenger: null }, samples);
    expect(predictions.map(({ correlationId, label }) => [correlationId, label])).toEqual([
      ['p0', 0],
      ['p2', 2],
    ]);
    expect(counters.snapshot()).toMatchObject({ IMAGE_UNREADABLE: 1, SAMPLE_INVALID: 1 });
    expect(observed.filter((outcome) => outcome.startsWith('error'))).toEqual([]);
    expect(observed).toContain('unreadable 1');
  });

  it('can be judged beside another that takes another size', async () => {
    const champion = await load(brightness);
    const challenger = await load({
      ...brightness,
      version: 2,
      onnx: meanOnnx([4, 4, 1]),
      input: {
        kind: 'image',
        tensor: 'input',
        width: 4,
        height: 4,
        channels: 1,
        layout: 'nhwc',
        fit: 'fill',
      },
    });
    const samples = [
      { image: await picture(10) },
      { image: Buffer.from('?') },
      { image: await picture(250) },
    ];
    const models = { champion, challenger: { model: challenger, share: 0.5, rolloutId: 'r' } };
    await predict(models, samples);
    const records = store.streams.read('predictions', 0, 10).records;
    expect(records).toHaveLength(4);
    expect(records.map(({ label }) => label)).toEqual([0, 0, 2, 2]);
  });

  it('is self-tested with its golden pictures, and refused where it answers otherwise', async () => {
    const model = await load(brightness);
    const sample = async (grey: number, output: number) => ({
      image: (await picture(grey)).toString('base64'),
      output: [output],
    });
    const test = async (samples: unknown[]) => {
      const golden = parseGolden(model.manifest, Buffer.from(JSON.stringify({ samples })));
      const run: Parameters<typeof runGoldenTest>[0] = (batch, options) =>
        engine.run(model.manifestSha256, batch, options);
      await runGoldenTest(run, model.manifest, golden, 1000);
    };
    await expect(test([await sample(10, 10), await sample(250, 250)])).resolves.toBeUndefined();
    await expect(test([await sample(10, 11)])).rejects.toThrow('golden sample 0 gave 10, not 11');
    await expect(test([{ image: 'AAAA', output: [0] }])).rejects.toThrow('golden sample 0 is no picture');
    await expect(test([{ input: [1], output: [0] }])).rejects.toThrow('golden sample 0 has no image');
  });
});

describe('a model of tensors', () => {
  const options: PackageOptions = {
    onnx: passingOnnx([
      { name: 'score', dtype: 'float32', shape: ['n', 1] },
      { name: 'recipe', dtype: 'string', shape: ['n'] },
    ]),
    input: {
      kind: 'tensors',
      tensors: [
        { name: 'score', dtype: 'float32', shape: [-1, 1] },
        { name: 'recipe', dtype: 'string', shape: [-1] },
      ],
    },
    output: 'score-out',
    decision: { kind: 'threshold', labels: ['ok', 'failure'], threshold: 0.75, release: 0.5 },
  };
  const tensors = (score: number, recipe: string): NamedTensor[] => [
    { name: 'recipe', dtype: 'string', shape: [1], data: [recipe] },
    { name: 'score', dtype: 'float32', shape: [1, 1], data: Float32Array.of(score) },
  ];

  it('decides what has all inputs, and holds an alarm until it is released', async () => {
    const champion = await load(options);
    const samples = [0.625, 0.75, 0.625, 0.25, 0.625].map((score) => ({ tensors: tensors(score, 'A7') }));
    const predictions = await predict({ champion, challenger: null }, [
      ...samples,
      { tensors: tensors(1, 'A7').slice(1) },
    ]);
    expect(predictions.map(({ label }) => label)).toEqual([0, 1, 1, 0, 0]);
    expect(counters.snapshot()).toMatchObject({ SAMPLE_INVALID: 1 });
  });

  it('is self-tested with golden tensors', async () => {
    const model = await load(options);
    const samples = [
      {
        tensors: [
          { name: 'score', shape: [1, 1], data: [0.5] },
          { name: 'recipe', shape: [1], data: ['A7'] },
        ],
        output: [0.5],
      },
    ];
    const golden = parseGolden(model.manifest, Buffer.from(JSON.stringify({ samples })));
    const run: Parameters<typeof runGoldenTest>[0] = (batch, given) =>
      engine.run(model.manifestSha256, batch, given);
    await expect(runGoldenTest(run, model.manifest, golden, 1000)).resolves.toBeUndefined();
    const missing = { samples: [{ ...samples[0], tensors: samples[0]?.tensors.slice(1) }] };
    expect(() => parseGolden(model.manifest, Buffer.from(JSON.stringify(missing)))).toThrow(
      '"score" is missing',
    );
  });
});
