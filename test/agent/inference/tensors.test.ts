import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../agent/clock.ts';
import type { EngineModel } from '../../../agent/inference/engine.ts';
import { EngineProcess } from '../../../agent/inference/engine-client.ts';
import type { NamedTensor, TensorData, TensorSpec } from '../../../agent/inference/tensor.ts';
import { Counters } from '../../../daemon/counters.ts';
import type { Dtype } from '../../../protocol/dtypes.ts';
import type { TensorsInput } from '../../../protocol/manifest.ts';
import { hashOf, makePackage, manifestOf, writePackage } from '../../support/packages.ts';
import { type PassingInput, passingOnnx } from '../../support/tiny-onnx.ts';

let folder: string;
let engine: EngineProcess;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'andon-tensors-'));
  engine = new EngineProcess({
    threads: 1,
    timeoutMs: 10_000,
    log: pino({ level: 'silent' }),
    clock: systemClock,
    counters: new Counters(),
  });
  await engine.start();
});

afterEach(async () => {
  await engine.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Loads a graph that hands these inputs on; its decision reads `output`. @returns its hash */
async function load(inputs: readonly PassingInput[], output: string, sum?: string): Promise<string> {
  const tensors = inputs.map(({ shape, ...input }) => ({
    ...input,
    shape: shape.map((size) => (typeof size === 'number' ? size : -1)),
  }));
  return loadPackage(passingOnnx(inputs, sum), { kind: 'tensors', tensors }, output);
}

async function loadPackage(onnx: Buffer, input: TensorsInput, output: string): Promise<string> {
  const files = makePackage({ onnx, input, output });
  const model: EngineModel = {
    manifestSha256: hashOf(files),
    folder: writePackage(join(folder, hashOf(files)), files),
    manifest: manifestOf(files),
  };
  await engine.load(model);
  return model.manifestSha256;
}

const score: PassingInput = { name: 'score', dtype: 'float32', shape: ['n', 1] };

const tensor = (name: string, dtype: Dtype, shape: readonly number[], data: TensorData): NamedTensor => ({
  name,
  dtype,
  shape,
  data,
});
const scored = (...values: number[]) =>
  tensor('score', 'float32', [values.length, 1], Float32Array.from(values));

describe('tensors through the engine', () => {
  it.each<[Dtype, TensorData]>([
    ['float32', Float32Array.of(1.5, -0, 3e38)],
    ['float64', Float64Array.of(0.1, -1e300, 5e-324)],
    // 1, -2 and the smallest: as bits, which no Node 20 can show as numbers.
    ['float16', Uint16Array.of(0x3c00, 0xc000, 0x0001)],
    ['int8', Int8Array.of(-128, 0, 127)],
    ['uint8', Uint8Array.of(0, 1, 255)],
    ['int16', Int16Array.of(-32_768, 0, 32_767)],
    ['uint16', Uint16Array.of(0, 1, 65_535)],
    ['int32', Int32Array.of(-(2 ** 31), 0, 2 ** 31 - 1)],
    ['uint32', Uint32Array.of(0, 1, 2 ** 32 - 1)],
    ['int64', BigInt64Array.of(-(2n ** 63n), 2n ** 53n + 1n, 2n ** 63n - 1n)],
    ['uint64', BigUint64Array.of(0n, 2n ** 53n + 1n, 2n ** 64n - 1n)],
    ['bool', Uint8Array.of(0, 1, 1)],
    ['string', ['', 'Prüfteil', '部品']],
  ])('come back as they went in: %s', async (dtype, data) => {
    const model = await load([score, { name: 'x', dtype, shape: ['n', 'k'] }], 'score-out');
    const { outputs } = await engine.infer(model, [scored(1), tensor('x', dtype, [1, 3], data)], ['x-out']);
    expect(outputs).toEqual([tensor('x-out', dtype, [1, 3], data)]);
  });

  it('of several inputs give several outputs, in the order that was asked for, or all', async () => {
    const model = await load([score, { name: 'a', dtype: 'int64', shape: ['m'] }], 'score-out');
    const inputs = [scored(0.5, 0.25), tensor('a', 'int64', [3], BigInt64Array.of(1n, 2n, 3n))];
    const named = async (wanted: string[] | null) =>
      (await engine.infer(model, inputs, wanted)).outputs.map(({ name }) => name);
    expect(await named(['a-out', 'score-out'])).toEqual(['a-out', 'score-out']);
    expect(await named(null)).toEqual(['score-out', 'a-out']);
  });

  it('can have another size each time where the graph leaves it free', async () => {
    const wide = { dtype: 'float64', shape: ['n', 'k'] } as const;
    const model = await load([{ name: 'a', ...wide }, { name: 'b', ...wide }, score], 'score-out', 'sum');
    for (const [n, k] of [
      [1, 1],
      [3, 2],
      [1, 5],
    ] as const) {
      const data = Float64Array.from({ length: n * k }, (_, i) => i);
      const inputs = [tensor('a', 'float64', [n, k], data), tensor('b', 'float64', [n, k], data), scored(1)];
      const { outputs } = await engine.infer(model, inputs, ['sum']);
      expect(outputs).toEqual([
        tensor(
          'sum',
          'float64',
          [n, k],
          data.map((value) => 2 * value),
        ),
      ]);
    }
  });

  it('are told of by the graph’s signature, also of a model of features', async () => {
    const model = await load([score, { name: 'x', dtype: 'string', shape: [2, 'k'] }], 'score-out');
    const specs: TensorSpec[] = [
      { name: 'score', dtype: 'float32', shape: [-1, 1] },
      { name: 'x', dtype: 'string', shape: [2, -1] },
    ];
    expect(await engine.signature(model)).toEqual({
      inputs: specs,
      outputs: specs.map((spec) => ({ ...spec, name: `${spec.name}-out`, perSample: false })),
    });
    await expect(engine.signature('0'.repeat(64))).rejects.toMatchObject({ code: 'MODEL_NOT_ACTIVE' });
  });

  it.each<[string, NamedTensor[], string]>([
    ['a missing input', [scored(1)], 'input "x" is missing; the model takes it as int32 [-1, 2]'],
    [
      'a surplus one',
      [
        scored(1),
        tensor('x', 'int32', [1, 2], Int32Array.of(1, 2)),
        tensor('z', 'bool', [1], Uint8Array.of(1)),
      ],
      'there is no input "z"; the model takes "score", "x"',
    ],
    ['one that is given twice', [scored(1), scored(1)], 'input "score" is given twice'],
    [
      'another type',
      [scored(1), tensor('x', 'int64', [1, 2], BigInt64Array.of(1n, 2n))],
      'input "x" is int64; the model takes int32 [-1, 2]',
    ],
    [
      'another rank',
      [scored(1), tensor('x', 'int32', [2], Int32Array.of(1, 2))],
      'input "x" is [2]; the model takes int32 [-1, 2]',
    ],
    [
      'another size',
      [scored(1), tensor('x', 'int32', [1, 3], Int32Array.of(1, 2, 3))],
      'input "x" is [1, 3]; the model takes int32 [-1, 2]',
    ],
    [
      'no values',
      [scored(1), tensor('x', 'int32', [0, 2], new Int32Array())],
      'input "x" is [0, 2]; the model takes int32 [-1, 2]',
    ],
    [
      'too few values',
      [scored(1), tensor('x', 'int32', [2, 2], Int32Array.of(1, 2, 3))],
      'input "x" has 3 values; its shape [2, 2] asks for 4',
    ],
    [
      'values of another type than it says',
      [scored(1), tensor('x', 'int32', [1, 2], Float32Array.of(1, 2))],
      'input "x" is called int32, but holds a Float32Array',
    ],
  ])('are refused before the graph sees them for %s', async (_what, inputs, words) => {
    const model = await load([score, { name: 'x', dtype: 'int32', shape: ['n', 2] }], 'score-out');
    await expect(engine.infer(model, inputs, null)).rejects.toMatchObject({
      code: 'ENGINE_INPUT_MISMATCH',
      message: words,
    });
    expect(engine.status()).toMatchObject({ alive: true, restarts: 0 });
  });

  it('refuse a bool that is neither', async () => {
    const model = await load([score, { name: 'x', dtype: 'bool', shape: ['n'] }], 'score-out');
    const inputs = [scored(1), tensor('x', 'bool', [2], Uint8Array.of(1, 7))];
    await expect(engine.infer(model, inputs, null)).rejects.toThrow('has 7 as value 1; a bool is 0 or 1');
  });
});

describe('a batch of a model of tensors', () => {
  const sample = (value: number, k: number): NamedTensor[] => [
    tensor('x', 'string', [1, k], new Array<string>(k).fill('a')),
    scored(value),
  ];

  it('runs what has the same shapes together, and answers in order', async () => {
    const model = await load([score, { name: 'x', dtype: 'string', shape: ['n', 'k'] }], 'score-out');
    const data = [sample(0.1, 1), sample(0.2, 2), sample(0.3, 1), sample(0.4, 3)];
    const { output, width } = await engine.run(model, { rows: 4, data });
    expect(width).toBe(1);
    expect(output).toEqual(Float32Array.of(0.1, 0.2, 0.3, 0.4));
  });

  it('runs one by one where an input has a fixed first dimension', async () => {
    const model = await load([score, { name: 'x', dtype: 'string', shape: [1, 'k'] }], 'score-out');
    const { output } = await engine.run(model, { rows: 3, data: [sample(1, 2), sample(2, 2), sample(3, 2)] });
    expect(output).toEqual(Float32Array.of(1, 2, 3));
  });

  it('has no answer in an output that is not finite', async () => {
    const model = await load([score], 'score-out');
    const data = [[scored(1)], [scored(Number.NaN)]];
    await expect(engine.run(model, { rows: 2, data })).rejects.toMatchObject({
      code: 'ENGINE_OUTPUT_INVALID',
    });
  });
});

describe('the graph of a package', () => {
  it('must have the inputs that its manifest says', async () => {
    const onnx = passingOnnx([score]);
    const as = (change: Partial<TensorsInput['tensors'][number]>) =>
      loadPackage(
        onnx,
        { kind: 'tensors', tensors: [{ name: 'score', dtype: 'float32', shape: [-1, 1], ...change }] },
        'score-out',
      );
    await expect(as({ name: 'points' })).rejects.toThrow('inputs are "score", the manifest says "points"');
    await expect(as({ dtype: 'float64' })).rejects.toThrow('not float64 [-1, 1]');
    await expect(as({ shape: [-1, 2] })).rejects.toThrow('not float32 [-1, 2]');
    // A manifest may promise more than the graph asks for.
    await expect(as({ shape: [4, 1] })).resolves.toHaveLength(64);
  });

  it('may have a fixed batch of one: then samples run one by one', async () => {
    const graph = { weights: [[1, -1]], kind: 'linear', batch: 1 } as const;
    const files = makePackage({ graph });
    const manifestSha256 = hashOf(files);
    await engine.load({
      manifestSha256,
      folder: writePackage(join(folder, manifestSha256), files),
      manifest: manifestOf(files),
    });
    const { output } = await engine.run(manifestSha256, { rows: 3, data: Float32Array.of(1, 0, 5, 2, 0, 7) });
    expect(output).toEqual(Float32Array.of(1, 3, -7));
  });
});
