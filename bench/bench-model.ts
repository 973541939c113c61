/** The models that the benches run: one that ships, and one made for the purpose that takes its time. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ActiveModel } from '../agent/models/active-models.ts';
import { sha256Hex } from '../protocol/keys.ts';
import { baselineProfileSchema, goldenSchema } from '../protocol/manifest.ts';
import { parseManifest } from '../protocol/package-verify.ts';
import { makePackage, writePackage } from '../test/support/packages.ts';
import { deepOnnx } from '../test/support/tiny-onnx.ts';

export interface BenchModel extends ActiveModel {
  /** Inputs of its golden samples. */
  readonly rows: readonly Float32Array[];
}

/** `models/steel-surface/1`, int8. */
export function steelSurface(): BenchModel {
  return readModel(resolve(import.meta.dirname, '..', 'models', 'steel-surface', '1'));
}

const DEEP_WIDTH = 1024;

/** @param layers products of a 1024 x 1024 matrix that one run takes */
export function deepModel(folder: string, layers: number): BenchModel {
  mkdirSync(folder, { recursive: true });
  const input = new Array<number>(DEEP_WIDTH).fill(0.25);
  const files = makePackage({
    onnx: deepOnnx(DEEP_WIDTH, layers),
    input: { kind: 'tensor', tensor: 'input', dtype: 'float32', shape: [DEEP_WIDTH] },
    golden: { samples: [{ input, output: [0.25] }] },
  });
  return readModel(writePackage(folder, files));
}

function readModel(folder: string): BenchModel {
  const bytes = readFileSync(join(folder, 'manifest.json'));
  const manifest = parseManifest(bytes);
  const read = (file: string): unknown => JSON.parse(readFileSync(join(folder, file), 'utf8'));
  const golden = goldenSchema.parse(read(manifest.golden.file));
  return {
    manifest,
    manifestSha256: sha256Hex(bytes),
    folder,
    baseline: baselineProfileSchema.parse(read(manifest.baselineProfile)),
    rows: golden.samples.map((sample) => Float32Array.from('input' in sample ? (sample.input ?? []) : [])),
  };
}
