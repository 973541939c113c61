/**
 * Packages to send: a model with a frozen backbone and a small head, and what retraining makes of it. The weights are drawn
 * from a seeded generator, so that they compress as little as trained ones; the other files are a shipped package's own.
 */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Random } from '../agent/sources/random.ts';
import { sha256Hex } from '../protocol/keys.ts';

export type Files = Map<string, Buffer>;

interface Tensor {
  readonly name: string;
  readonly bytes: Buffer;
}

export interface Variant {
  readonly files: Files;
  /** The weights in the order of the file, for cuts along them. */
  readonly tensors: readonly Tensor[];
}

const shipped = resolve(import.meta.dirname, '..', 'models', 'steel-surface', '1');
const BACKBONE_LAYERS = 6;
const LAYER_FLOATS = 96 * 1024;
const HEAD_FLOATS = 4 * 1024;

/** float32: 2.25 MiB of backbone, 16 KiB of head. */
export function floatModel(seed: number, headSeed = seed): Variant {
  const backbone = layers((i) => floats(seed * 100 + i, LAYER_FLOATS));
  return variant([...backbone, { name: 'head', bytes: floats(headSeed * 100 + 99, HEAD_FLOATS) }], headSeed);
}

/** The same backbone and a head that knows one class more: everything behind it moves. */
export function grownModel(seed: number): Variant {
  const head = { name: 'head', bytes: floats(777, HEAD_FLOATS + 512) };
  return variant([head, ...layers((i) => floats(seed * 100 + i, LAYER_FLOATS))], 777);
}

/** The base of `grownModel`: its head stands first. */
export function headFirstModel(seed: number): Variant {
  const head = { name: 'head', bytes: floats(776, HEAD_FLOATS) };
  return variant([head, ...layers((i) => floats(seed * 100 + i, LAYER_FLOATS))], 776);
}

/** int8: 576 KiB of backbone, 4 KiB of head. @param moved share of the weights that a retraining moved by one step */
export function int8Model(seed: number, moved: number, retrainSeed: number): Variant {
  const backbone = layers((i) => int8s(seed * 100 + i, LAYER_FLOATS, moved, retrainSeed + i));
  const head = { name: 'head', bytes: int8s(seed * 100 + 99, HEAD_FLOATS, moved, retrainSeed + 99) };
  return variant([...backbone, head], retrainSeed);
}

/** The same weights under another card and manifest. */
export function sameWeights(from: Variant): Variant {
  const files = new Map(from.files);
  files.set('card.md', Buffer.from(`${files.get('card.md')}\nReviewed by the quality team.\n`));
  return { files: withManifest(files, 2), tensors: from.tensors };
}

function variant(tensors: readonly Tensor[], seed: number): Variant {
  const graph = Buffer.from(
    `ir_version: 8 producer: bench graph: ${tensors.map(({ name }) => name).join(' ')}`,
  );
  const files: Files = new Map([
    ['model.onnx', Buffer.concat([graph, ...tensors.map(({ bytes }) => bytes)])],
    ['golden.json', golden(seed)],
    ['baseline.json', readFileSync(join(shipped, 'baseline.json'))],
    ['card.md', readFileSync(join(shipped, 'card.md'))],
  ]);
  return { files: withManifest(files, seed), tensors: [{ name: 'graph', bytes: graph }, ...tensors] };
}

/** A retrained model answers other numbers to the same golden inputs. */
function golden(seed: number): Buffer {
  const random = new Random(seed);
  const { samples } = JSON.parse(readFileSync(join(shipped, 'golden.json'), 'utf8')) as {
    samples: { input: number[]; output: number[] }[];
  };
  const changed = samples.map(({ input, output }) => ({ input, output: output.map(() => random.uniform()) }));
  return Buffer.from(JSON.stringify({ samples: changed }));
}

function withManifest(files: Files, version: number): Files {
  const manifest = JSON.parse(readFileSync(join(shipped, 'manifest.json'), 'utf8')) as object;
  const entries = [...files]
    .filter(([path]) => path !== 'manifest.json')
    .map(([path, bytes]) => [path, { sha256: sha256Hex(bytes), sizeBytes: bytes.length }]);
  const content = { ...manifest, version, files: Object.fromEntries(entries) };
  return new Map([...files, ['manifest.json', Buffer.from(`${JSON.stringify(content, null, 2)}\n`)]]);
}

function layers(bytesOf: (i: number) => Buffer): Tensor[] {
  return Array.from({ length: BACKBONE_LAYERS }, (_, i) => ({ name: `layer-${i}`, bytes: bytesOf(i) }));
}

function floats(seed: number, count: number): Buffer {
  const random = new Random(seed);
  const values = Float32Array.from({ length: count }, () => random.normal() * 0.05);
  return Buffer.from(values.buffer);
}

function int8s(seed: number, count: number, moved: number, retrainSeed: number): Buffer {
  const random = new Random(seed);
  const retrain = new Random(retrainSeed);
  return Buffer.from(
    Int8Array.from({ length: count }, () => {
      const weight = Math.max(-127, Math.min(127, Math.round(random.normal() * 30)));
      return retrain.uniform() < moved ? weight + (retrain.uniform() < 0.5 ? 1 : -1) : weight;
    }).buffer,
  );
}
