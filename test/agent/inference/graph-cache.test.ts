import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../agent/clock.ts';
import type { EngineModel } from '../../../agent/inference/engine.ts';
import { EngineProcess } from '../../../agent/inference/engine-client.ts';
import { graphKey } from '../../../agent/inference/graph-cache.ts';
import { Counters } from '../../../daemon/counters.ts';
import { hashOf, makePackage, manifestOf, readFiles, writePackage } from '../../support/packages.ts';
import { projectRoot } from '../../support/processes.ts';

let folder: string;
let graphs: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'andon-graphs-'));
  graphs = join(folder, 'graphs');
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(files: Map<string, Buffer>): EngineModel {
  const manifestSha256 = hashOf(files);
  const target = join(folder, 'packages', manifestSha256);
  return { manifestSha256, folder: writePackage(target, files), manifest: manifestOf(files) };
}

interface Loading {
  readonly from: string | undefined;
  readonly problem: string | undefined;
  readonly output: Float32Array;
}

/** A fresh engine loads the model and runs it once. */
async function loadAndRun(
  model: EngineModel,
  graphFolder: string | undefined,
  batch = { rows: 3, data: Float32Array.of(1, 2, 3, 4, 5, 7) as Float32Array | Uint8Array },
): Promise<Loading> {
  const lines: Record<string, string>[] = [];
  const sink = new Writable({
    write(chunk, _encoding, done) {
      lines.push(JSON.parse(String(chunk)));
      done();
    },
  });
  const engine = new EngineProcess({
    threads: 1,
    graphFolder,
    timeoutMs: 10_000,
    log: pino(sink),
    clock: systemClock,
    counters: new Counters(),
  });
  try {
    await engine.start();
    await engine.load(model);
    const { output } = await engine.run(model.manifestSha256, batch);
    const said = lines.find(({ event }) => event === 'graph-loaded');
    return { from: said?.from, problem: said?.problem, output };
  } finally {
    await engine.stop();
  }
}

function kept(ending: string): string {
  const [name, ...others] = readdirSync(graphs).filter((each) => each.endsWith(ending));
  if (name === undefined || others.length > 0) throw new Error(`not one ${ending}: ${readdirSync(graphs)}`);
  return join(graphs, name);
}

describe('the graph cache', () => {
  it('optimises a model once, and opens the kept graph at the next start', async () => {
    const model = write(makePackage());
    const first = await loadAndRun(model, graphs);
    expect(first).toMatchObject({ from: 'model', problem: undefined });
    expect(readdirSync(graphs)).toHaveLength(2);
    const second = await loadAndRun(model, graphs);
    expect(second).toEqual({ from: 'cache', problem: undefined, output: first.output });
  });

  it.each([
    ['torn', (path: string) => truncateSync(path, 40)],
    ['changed', (path: string) => writeFileSync(path, 'another graph')],
    ['without its hash', (path: string) => rmSync(path.replace('.onnx', '.sha256'))],
  ])('makes a graph anew that is %s', async (_, harm) => {
    const model = write(makePackage());
    const { output } = await loadAndRun(model, graphs);
    const good = readFileSync(kept('.onnx'));
    harm(kept('.onnx'));
    const again = await loadAndRun(model, graphs);
    expect(again.from).toBe('model');
    expect(again.problem).toBeTruthy();
    expect(again.output).toEqual(output);
    expect(readFileSync(kept('.onnx')).equals(good)).toBe(true);
    expect((await loadAndRun(model, graphs)).from).toBe('cache');
  });

  it('makes a graph anew that no session takes, though its hash is right', async () => {
    const model = write(makePackage());
    await loadAndRun(model, graphs);
    writeFileSync(kept('.onnx'), '');
    writeFileSync(kept('.sha256'), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect((await loadAndRun(model, graphs)).from).toBe('model');
    expect((await loadAndRun(model, graphs)).from).toBe('cache');
  });

  it('opens no graph that was optimised for another key', async () => {
    const model = write(makePackage());
    await loadAndRun(model, graphs);
    for (const path of [kept('.onnx'), kept('.sha256')])
      renameSync(path, path.replace(/-[0-9a-f]{16}/, '-0123456789abcdef'));
    expect(await loadAndRun(model, graphs)).toMatchObject({ from: 'model', problem: undefined });
    expect(readdirSync(graphs)).toHaveLength(4);
  });

  it('still refuses a model whose file is not the one that was verified', async () => {
    const model = write(makePackage());
    await loadAndRun(model, graphs);
    writeFileSync(join(model.folder, 'model.onnx'), 'tampered with');
    await expect(loadAndRun(model, graphs)).rejects.toMatchObject({ code: 'ENGINE_MODEL_UNREADABLE' });
  });

  it.each([
    ['a folder that takes no files', () => '/proc/self'],
    ['a file in place of the folder', () => writeAnd(join(folder, 'a-file'))],
  ])('does without where it finds %s', async (_, place) => {
    const model = write(makePackage());
    const { output } = await loadAndRun(model, undefined);
    expect(await loadAndRun(model, place())).toEqual({ from: 'model', problem: expect.any(String), output });
  });

  it('keeps nothing of a model that fails', async () => {
    const model = write(makePackage({ graph: { output: 'other' } }));
    await expect(loadAndRun(model, graphs)).rejects.toMatchObject({ code: 'ENGINE_INPUT_MISMATCH' });
    expect(readdirSync(graphs)).toEqual([]);
  });

  it('keeps the eight graphs that were used last', { timeout: 60_000 }, async () => {
    const models = Array.from({ length: 9 }, (_, i) => write(makePackage({ graph: { bias: [i] } })));
    for (const model of models) await loadAndRun(model, graphs);
    expect(readdirSync(graphs).filter((name) => name.endsWith('.onnx'))).toHaveLength(8);
    expect(readdirSync(graphs).filter((name) => name.endsWith('.sha256'))).toHaveLength(8);
    const [first, , last] = [models[0], models[1], models[8]];
    expect(first && (await loadAndRun(first, graphs)).from).toBe('model');
    expect(last && (await loadAndRun(last, graphs)).from).toBe('cache');
  });

  it('answers bit by bit the same for an int8 model', async () => {
    const model = write(readFiles(join(projectRoot, 'models/steel-surface/1')));
    expect(model.manifest.precision).toBe('int8');
    const { input } = model.manifest;
    const width = input.kind === 'features' ? input.features.length : 0;
    const rows = 64;
    const data = Float32Array.from({ length: rows * width }, (_, i) => 1000 * Math.sin(i * 1.7));
    const without = await loadAndRun(model, undefined, { rows, data });
    await loadAndRun(model, graphs, { rows, data });
    const cached = await loadAndRun(model, graphs, { rows, data });
    expect(cached.from).toBe('cache');
    expect(cached.output).toEqual(without.output);
  });
});

describe('the key of a kept graph', () => {
  it('is another for another ONNX Runtime or other options', () => {
    const key = graphKey('1.30.0', { graphOptimizationLevel: 'all' });
    expect(graphKey('1.30.0', { graphOptimizationLevel: 'all' })).toBe(key);
    expect(graphKey('1.31.0', { graphOptimizationLevel: 'all' })).not.toBe(key);
    expect(graphKey('1.30.0', { graphOptimizationLevel: 'basic' })).not.toBe(key);
  });
});

function writeAnd(path: string): string {
  writeFileSync(path, '');
  return path;
}
