import { describe, expect, it } from 'vitest';
import { type Facts, metadataFacts, readFacts, withMetrics } from '../../../cli/mlflow/facts.ts';
import { type DraftParts, draftManifest } from '../../../cli/mlflow/manifest-draft.ts';
import type { SignatureSide } from '../../../cli/mlflow/mlmodel-file.ts';
import { type OnnxGraph, readOnnxGraph } from '../../../cli/mlflow/onnx-graph.ts';
import { makePackage, manifestOf } from '../../support/packages.ts';
import { tinyOnnx } from '../../support/tiny-onnx.ts';

const GRAPH = readOnnxGraph(tinyOnnx({ weights: [[1, -1]] }));
const FACTS: Facts = {
  name: 'tiny',
  version: 3,
  summary: 'Tiny.',
  features: [
    { name: 'a', unit: 'K' },
    { name: 'b', unit: '' },
  ],
  labels: ['ok', 'failure'],
  threshold: 0.5,
  metric: { name: 'accuracy', offline: 0.9, baseline: { name: 'a guess', value: 0.5 } },
  dataset: 'made up',
  dataSha256: '0'.repeat(64),
  script: 'train.py',
  seed: 1,
};
const ORIGIN = { trackingUri: 'http://x' };
const tensor = (dtype = 'float32', shape = [-1, 2], name?: string): SignatureSide => ({
  kind: 'tensors',
  tensors: [{ name, dtype, shape }],
});
const columns = (...types: string[]): SignatureSide => ({
  kind: 'columns',
  columns: types.map((type, i) => ({ name: 'ab'[i], type })),
});

function draft(over: Partial<DraftParts> = {}, inputs: SignatureSide = tensor()) {
  return draftManifest({
    facts: FACTS,
    fallback: {} as DraftParts['fallback'],
    mlmodel: { inputs },
    graph: GRAPH,
    origin: ORIGIN,
    hasBaseline: true,
    hasGolden: true,
    ...over,
  });
}

const without = (...names: (keyof Facts)[]): Facts =>
  Object.fromEntries(Object.entries(FACTS).filter(([name]) => !names.includes(name as keyof Facts)));
const refused = (words: RegExp) =>
  expect.objectContaining({ code: 'MLFLOW_MODEL_UNSUPPORTED', message: expect.stringMatching(words) });

describe('a manifest out of MLflow', () => {
  it('says what the facts say, and what the graph is', () => {
    expect(draft()).toMatchObject({
      name: 'tiny',
      version: 3,
      precision: 'float32',
      model: { opset: 17 },
      input: { kind: 'features', tensor: 'input', features: FACTS.features },
      output: { tensor: 'probability', decision: { kind: 'threshold', threshold: 0.5 } },
      golden: { tolerance: 0.001 },
      lineage: { dataset: 'made up', mlflow: ORIGIN },
    });
  });

  it('lists everything that is missing at once', () => {
    const bare = () => draft({ facts: {}, hasBaseline: false, hasGolden: false });
    for (const word of [
      'features',
      'labels',
      'metric',
      'offline',
      'baseline.name',
      'baseline.json',
      'golden',
      'name',
      'version',
      'summary',
      'dataset',
      'dataSha256',
      'script',
      'seed',
    ]) {
      expect(bare).toThrow(
        expect.objectContaining({ code: 'MLFLOW_FACTS_MISSING', message: expect.stringContaining(word) }),
      );
    }
  });

  it('takes from an earlier version what does not depend on the weights, and asks for the rest', () => {
    const earlier = { manifest: manifestOf(makePackage({ version: 4 })), manifestSha256: 'e'.repeat(64) };
    const facts = without('name', 'version', 'summary', 'features', 'labels');
    expect(draft({ facts, earlier })).toMatchObject({
      name: 'tiny',
      version: 5,
      input: { features: [{ name: 'a' }, { name: 'b' }] },
      output: { decision: { labels: ['ok', 'failure'], threshold: 0.5 } },
      lineage: { parent: 'e'.repeat(64) },
    });
    expect(() => draft({ facts: {}, earlier })).toThrow(/andon.threshold[\s\S]*offline[\s\S]*dataSha256/);
  });

  it('names columns by the signature, where no fact does', () => {
    expect(draft({ facts: without('features') }, columns('double', 'long')).input).toMatchObject({
      features: [{ name: 'a' }, { name: 'b' }],
    });
  });

  it('takes a column of words only where its categories are known', () => {
    const typed = { name: 'b', unit: '', categories: ['L', 'M'] };
    const facts = { ...FACTS, features: [{ name: 'a', unit: '' }, typed] };
    expect(draft({ facts }, columns('double', 'string')).input).toMatchObject({ features: [{}, typed] });
    expect(() => draft({}, columns('double', 'string'))).toThrow(refused(/column "b" is string/));
    expect(() => draft({}, columns('double', 'datetime'))).toThrow(refused(/column "b" is datetime/));
  });

  it('makes an image a tensor, and many outputs an argmax', () => {
    const graph: OnnxGraph = {
      ...GRAPH,
      inputs: [{ name: 'x', dtype: 'uint8', shape: ['n', 1, 8, 8] }],
      outputs: [{ name: 'p', dtype: 'float32', shape: ['n', 3] }],
      ops: new Set(['DequantizeLinear']),
    };
    const facts = { ...without('features', 'threshold'), labels: ['a', 'b', 'c'] };
    expect(draft({ graph, facts }, tensor('uint8', [-1, 1, 8, 8]))).toMatchObject({
      precision: 'int8',
      input: { kind: 'tensor', dtype: 'uint8', shape: [1, 8, 8] },
      output: { tensor: 'p', decision: { kind: 'argmax', labels: ['a', 'b', 'c'] } },
      golden: { tolerance: 0.02 },
    });
  });

  it.each<[string, Partial<OnnxGraph>, SignatureSide, RegExp]>([
    [
      'a signature of another width',
      {},
      tensor('float32', [-1, 3]),
      /says \[-1, 3\], but its graph takes "input"/,
    ],
    ['a signature of another type', {}, tensor('int64'), /says int64/],
    ['a signature of another name', {}, tensor('float32', [-1, 2], 'x'), /names "x"/],
    ['columns too many', {}, columns('double', 'double', 'double'), /has 3 columns/],
    [
      'two inputs',
      { inputs: [...GRAPH.inputs, { name: 'y', dtype: 'float32', shape: ['n', 1] }] },
      tensor(),
      /takes 2 inputs \("input", "y"\)/,
    ],
    ['int64 inputs', { inputs: [{ name: 'x', dtype: 'int64', shape: ['n', 2] }] }, tensor(), /"x" is int64/],
    ['a fixed batch', { inputs: [{ name: 'x', dtype: 'float32', shape: [1, 2] }] }, tensor(), /free batch/],
    ['an opset before 7', { opset: 6 }, tensor(), /opset/],
    [
      'a map of probabilities',
      { outputs: [{ name: 'p', dtype: undefined, shape: [] }] },
      tensor(),
      /no output/,
    ],
  ])('is refused for %s', (_words, graph, signature, reason) => {
    expect(() => draft({ graph: { ...GRAPH, ...graph } }, signature)).toThrow(refused(reason));
  });

  it('is a regression in bands where the facts name their edges', () => {
    const bands = { ...without('threshold'), labels: ['low', 'good', 'high'], edges: [1, 2], unit: 'mm' };
    expect(draft({ facts: bands }).output.decision).toEqual({
      kind: 'bands',
      labels: ['low', 'good', 'high'],
      edges: [1, 2],
      unit: 'mm',
    });
    expect(() => draft({ facts: { ...bands, edges: [1] } })).toThrow('2 bands, and there are 3 labels');
    const wide = readOnnxGraph(
      tinyOnnx({
        weights: [
          [1, 0],
          [0, 1],
        ],
      }),
    );
    expect(() => draft({ facts: bands, graph: wide })).toThrow('the graph gives 2');
  });

  it('takes float64 in the signature for float32 in the graph, as MLflow casts it', () => {
    expect(draft({}, tensor('float64')).input).toMatchObject({ tensor: 'input' });
  });

  it('says which of several outputs it would need to know', () => {
    const outputs = [...GRAPH.outputs, { name: 'other', dtype: 'float32', shape: ['n', 1] }];
    expect(() => draft({ graph: { ...GRAPH, outputs } })).toThrow(
      expect.objectContaining({ hint: 'Say which one: andon.output.' }),
    );
    const facts = { ...FACTS, output: 'other' };
    expect(draft({ facts, graph: { ...GRAPH, outputs } }).output.tensor).toBe('other');
  });
});

describe('facts', () => {
  it('come as text in tags, nested or dotted in metadata', () => {
    expect(
      readFacts({ 'andon.labels': '["a","b"]', 'andon.seed': '7', 'andon.summary': '5' }, 'a tag', false),
    ).toEqual({
      labels: ['a', 'b'],
      seed: 7,
      summary: '5',
    });
    expect(metadataFacts({ 'andon.seed': 1, andon: { threshold: 0.5 }, other: 'x' })).toEqual({
      seed: 1,
      threshold: 0.5,
    });
  });

  it('that nobody knows are refused where a person wrote them, and passed over among tags of ours', () => {
    expect(() => metadataFacts({ andon: { lables: [] } })).toThrow(/"lables", which is no fact/);
    expect(readFacts({ 'andon.rollout': 'r1', 'andon.state': 'done' }, 'a tag', false)).toEqual({});
  });

  it('that do not fit are refused with what would', () => {
    expect(() => readFacts({ threshold: 'high' }, 'the command line', true)).toThrow(
      expect.objectContaining({ code: 'MLFLOW_FACT_INVALID', hint: expect.stringContaining('"number"') }),
    );
  });

  it('take the metric’s values from the run’s metrics, where they have none of their own', () => {
    const metric = { name: 'accuracy', baseline: { name: 'a guess' } } as const;
    expect(withMetrics({ metric }, { 'andon.offline': 0.9, 'andon.baseline': 0.4 }).metric).toEqual({
      name: 'accuracy',
      offline: 0.9,
      baseline: { name: 'a guess', value: 0.4 },
    });
  });
});
