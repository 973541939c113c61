/** Small model packages for tests, of hand-made graphs; what may run of them is for a `TestTeam` to sign. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { ActiveModel } from '../../agent/models/active-models.ts';
import { sha256Hex } from '../../protocol/keys.ts';
import type { Decision, Golden, Manifest } from '../../protocol/manifest.ts';
import { type TinyGraph, tinyOnnx } from './tiny-onnx.ts';

export interface PackageOptions {
  readonly name?: string;
  readonly version?: number;
  readonly tag?: string;
  /** Default: one probability from two features, weights 1 and -1. */
  readonly graph?: TinyGraph;
  /** In place of a graph's bytes. */
  readonly onnx?: Buffer;
  readonly input?: Manifest['input'];
  readonly decision?: Decision;
  /** The output that the decision reads. */
  readonly output?: string;
  readonly golden?: Golden;
}

const DEFAULT_GRAPH: TinyGraph = { weights: [[1, -1]] };

/** A whole package: path -> bytes. The default has features `a` and `b` and labels `ok`, `failure`. */
export function makePackage(options: PackageOptions = {}): Map<string, Buffer> {
  const graph = { ...DEFAULT_GRAPH, ...options.graph };
  const width = graph.weights?.[0]?.length ?? 2;
  const labelCount = graph.weights?.length ?? 1;
  const content = new Map<string, Buffer>([
    ['model.onnx', options.onnx ?? tinyOnnx(graph)],
    ['golden.json', json(options.golden ?? goldenOf(graph))],
    ['baseline.json', json(baselineOf(width))],
  ]);
  const manifest: Manifest = {
    formatVersion: 1,
    name: options.name ?? 'tiny',
    version: options.version ?? 1,
    ...(options.tag ? { tag: options.tag } : {}),
    summary: 'A tiny model for tests.',
    precision: 'float32',
    model: { file: 'model.onnx', opset: 17 },
    input: options.input ?? {
      kind: 'features',
      tensor: 'input',
      features: Array.from({ length: width }, (_, i) => ({ name: featureName(i), unit: '' })),
    },
    output: {
      tensor: options.output ?? 'probability',
      decision:
        options.decision ??
        (labelCount > 1
          ? { kind: 'argmax', labels: Array.from({ length: labelCount }, (_, i) => `label-${i}`) }
          : { kind: 'threshold', labels: ['ok', 'failure'], threshold: 0.5 }),
    },
    metric: { name: 'accuracy', offline: 0.9, baseline: { name: 'a guess', value: 0.5 } },
    golden: { file: 'golden.json', tolerance: 1e-4 },
    baselineProfile: 'baseline.json',
    lineage: { dataset: 'none', dataSha256: sha256Hex(''), script: 'test', seed: 1 },
    files: {},
  };
  return withManifest(content, manifest);
}

/** The package's files with a manifest that lists them. */
export function withManifest(files: ReadonlyMap<string, Buffer>, manifest: Manifest): Map<string, Buffer> {
  const listed = [...files].filter(([path]) => path !== 'manifest.json');
  const entries = listed.map(([path, bytes]) => [
    path,
    { sha256: sha256Hex(bytes), sizeBytes: bytes.length },
  ]);
  return new Map([...listed, ['manifest.json', json({ ...manifest, files: Object.fromEntries(entries) })]]);
}

/** A package folder's files as they are, for example one of `models/`. */
export function readFiles(folder: string): Map<string, Buffer> {
  const paths = readdirSync(folder, { withFileTypes: true, recursive: true }).filter((entry) =>
    entry.isFile(),
  );
  return new Map(
    paths.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [relative(folder, path), readFileSync(path)];
    }),
  );
}

/** @returns the folder */
export function writePackage(folder: string, files: ReadonlyMap<string, Buffer>): string {
  for (const [path, bytes] of files) {
    const target = join(folder, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, bytes);
  }
  return folder;
}

export function manifestOf(files: ReadonlyMap<string, Buffer>): Manifest {
  return JSON.parse(String(files.get('manifest.json'))) as Manifest;
}

/** What names the package everywhere: the sha256 of its manifest's bytes. */
export function hashOf(files: ReadonlyMap<string, Buffer>): string {
  return sha256Hex(files.get('manifest.json') ?? '');
}

/** A package as the device's engine loads it, written below `folder`. */
export function modelIn(folder: string, options: PackageOptions = {}): ActiveModel {
  const files = makePackage(options);
  const manifestSha256 = hashOf(files);
  return {
    manifestSha256,
    folder: writePackage(join(folder, manifestSha256), files),
    manifest: manifestOf(files),
    baseline: JSON.parse(String(files.get('baseline.json'))) as ActiveModel['baseline'],
  };
}

/** Features of the default package: a, b, c, … */
function featureName(index: number): string {
  return String.fromCharCode(97 + index);
}

function goldenOf(graph: TinyGraph): Golden {
  const weights = graph.weights ?? [[0, 0]];
  const width = weights[0]?.length ?? 2;
  // Small whole numbers, good as bytes too, whose linear part is not negative for the first output.
  const inputs = [0, 1, 2].map((k) =>
    Array.from({ length: width }, (_, i) => ((weights[0]?.[i] ?? 0) > 0 ? k : 0)),
  );
  return { samples: inputs.map((input) => ({ input, output: tinyOutput(graph, input) })) };
}

/** What a `tinyOnnx` graph answers, computed here. */
export function tinyOutput(graph: TinyGraph, input: readonly number[]): number[] {
  const { weights = [[0, 0]], bias, kind = 'sigmoid' } = graph;
  return weights.map((row, k) => {
    const linear = row.reduce((sum, w, i) => sum + w * (input[i] ?? 0), bias?.[k] ?? 0);
    if (kind === 'linear') return linear;
    return kind === 'sqrt' ? Math.sqrt(linear) : 1 / (1 + Math.exp(-linear));
  });
}

function baselineOf(width: number): unknown {
  return {
    rows: 100,
    features: Array.from({ length: width }, (_, i) => ({
      name: featureName(i),
      mean: 0.5,
      std: 0.3,
      edges: [0.25, 0.5, 0.75],
      shares: [0.25, 0.25, 0.25, 0.25],
    })),
    labelShares: [0.5, 0.5],
  };
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
