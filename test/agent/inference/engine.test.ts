import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../agent/clock.ts';
import type { EngineModel } from '../../../agent/inference/engine.ts';
import { EngineProcess } from '../../../agent/inference/engine-client.ts';
import type { EngineDeath } from '../../../agent/inference/engine-death.ts';
import { Counters } from '../../../daemon/counters.ts';
import { hashOf, makePackage, manifestOf, tinyOutput, writePackage } from '../../support/packages.ts';
import { projectRoot, startProcess } from '../../support/processes.ts';
import { tinyOnnx } from '../../support/tiny-onnx.ts';
import { waitFor } from '../../support/wait-for.ts';

let folder: string;
let counters: Counters;
let deaths: EngineDeath[];
let engine: EngineProcess;

function startEngine(
  options: {
    timeoutMs?: number;
    entry?: URL;
    maxRssMiB?: number;
    threads?: number;
    executionProvider?: string;
  } = {},
): Promise<void> {
  engine = new EngineProcess({
    threads: options.threads ?? 1,
    timeoutMs: 10_000,
    log: pino({ level: 'silent' }),
    clock: systemClock,
    counters,
    onDeath: (death) => deaths.push(death),
    ...options,
  });
  return engine.start();
}

function write(files: Map<string, Buffer>): EngineModel {
  const manifestSha256 = hashOf(files);
  return {
    manifestSha256,
    folder: writePackage(join(folder, manifestSha256), files),
    manifest: manifestOf(files),
  };
}

/** Answers with the number of loops that a sample's first value asks for. */
const loopGraph = { weights: [[1, 0]], kind: 'loop' } as const;
const FOR_EVER = 1e15;
/** What test/support/crashing-engine.ts dies of. */
const CRASH = 666;
/** What makes test/support/leaking-engine.ts keep 64 MiB. */
const LEAK = 777;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'andon-engine-'));
  counters = new Counters();
  deaths = [];
});

afterEach(async () => {
  await engine?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('the engine process', () => {
  it('answers batches of any size with the graph’s outputs, in order', async () => {
    await startEngine();
    const graph = { weights: [[1, -1]] };
    const model = write(makePackage({ graph }));
    await engine.load(model);
    const sizes = [1, 7, 256, 1];
    const results = await Promise.all(
      sizes.map((rows, k) => {
        const data = Float32Array.from({ length: rows * 2 }, (_, i) => (i + k) % 5);
        return engine.run(model.manifestSha256, { rows, data }).then((result) => ({ rows, data, result }));
      }),
    );
    for (const { rows, data, result } of results) {
      expect(result.width).toBe(1);
      expect(result.output).toHaveLength(rows);
      const last = rows - 1;
      const [expected = Number.NaN] = tinyOutput(graph, [data[2 * last] ?? 0, data[2 * last + 1] ?? 0]);
      expect(result.output[last]).toBeCloseTo(expected, 5);
    }
    expect(engine.status()).toMatchObject({ alive: true, restarts: 0 });
    expect(engine.status().rssBytes).toBeGreaterThan(10 * 1024 * 1024);
  });

  it('takes uint8 tensors', async () => {
    await startEngine();
    const model = write(
      makePackage({
        graph: { weights: [[1, 1, -1]], dtype: 'uint8' },
        input: { kind: 'tensor', tensor: 'input', dtype: 'uint8', shape: [3] },
      }),
    );
    await engine.load(model);
    const { output } = await engine.run(model.manifestSha256, { rows: 1, data: Uint8Array.of(200, 2, 200) });
    expect(output[0]).toBeCloseTo(1 / (1 + Math.exp(-2)), 5);
  });

  it.each([
    ['another input name', { graph: { input: 'x' } }, 'the graph\'s input is "x"'],
    ['another width', { graph: { width: 3, weights: [[1, 2, 3]] } }, '[batch, 3], not [batch, 2]'],
    ['another output name', { graph: { output: 'y' } }, 'outputs are "y"'],
    [
      'more outputs than labels',
      {
        graph: {
          weights: [
            [1, 1],
            [0, 1],
          ],
        },
      },
      '[batch, 2], not [batch, 1]',
    ],
    ['bytes in place of floats', { graph: { dtype: 'uint8' as const } }, 'is uint8, not float32'],
    ['a fixed batch', { graph: { batch: 2 } }, 'fixed batch of 2'],
  ])('refuses a graph with %s than its manifest', async (_what, { graph }, words) => {
    await startEngine();
    const files = makePackage({ onnx: tinyOnnx({ weights: [[1, -1]], ...graph }) });
    await expect(engine.load(write(files))).rejects.toMatchObject({
      code: 'ENGINE_INPUT_MISMATCH',
      message: expect.stringContaining(words),
    });
  });

  it('refuses a file that is no ONNX, and goes on', async () => {
    await startEngine();
    const good = write(makePackage());
    await engine.load(good);
    const bad = write(makePackage({ onnx: Buffer.from('GIF89a, honestly') }));
    await expect(engine.load(bad)).rejects.toMatchObject({ code: 'ENGINE_MODEL_UNREADABLE' });
    await expect(
      engine.run(good.manifestSha256, { rows: 1, data: Float32Array.of(1, 1) }),
    ).resolves.toMatchObject({ width: 1 });
    expect(engine.status().restarts).toBe(0);
  });

  it('refuses a file that changed after it was verified', async () => {
    await startEngine();
    const model = write(makePackage());
    writeFileSync(join(model.folder, 'model.onnx'), tinyOnnx({ weights: [[5, 5]] }));
    await expect(engine.load(model)).rejects.toMatchObject({ code: 'ENGINE_MODEL_UNREADABLE' });
  });

  it('refuses to hand on an output that is not finite', async () => {
    await startEngine();
    const model = write(makePackage({ graph: { weights: [[1, -1]], kind: 'sqrt' } }));
    await engine.load(model);
    const data = Float32Array.of(4, 0, 0, 4);
    await expect(engine.run(model.manifestSha256, { rows: 2, data })).rejects.toMatchObject({
      code: 'ENGINE_OUTPUT_INVALID',
      message: 'output 0 of row 1 is NaN',
    });
  });

  it('says so when a model is not loaded, and after it is unloaded', async () => {
    await startEngine();
    const model = write(makePackage());
    const batch = { rows: 1, data: Float32Array.of(1, 1) };
    await expect(engine.run(model.manifestSha256, batch)).rejects.toMatchObject({ code: 'MODEL_NOT_ACTIVE' });
    await engine.load(model);
    const open = engine.run(model.manifestSha256, batch);
    await engine.unload(model.manifestSha256);
    await expect(open).resolves.toMatchObject({ width: 1 });
    await expect(engine.run(model.manifestSha256, batch)).rejects.toMatchObject({ code: 'MODEL_NOT_ACTIVE' });
  });

  it('loads its models again and repeats what was open when it is killed', async () => {
    await startEngine();
    const model = write(makePackage());
    await engine.load(model);
    const runs = [1, 2, 3].map((rows) =>
      engine.run(model.manifestSha256, { rows, data: new Float32Array(rows * 2) }),
    );
    process.kill(engine.pid ?? Number.NaN, 'SIGKILL');
    const results = await Promise.all(runs);
    expect(results.map((r) => r.output.length)).toEqual([1, 2, 3]);
    expect(engine.status()).toMatchObject({ alive: true, restarts: 1 });
    expect(counters.get('ENGINE_CRASHED')).toBe(1);
  });

  it('loads a model that its successor could not load, when it can be read again', async () => {
    await startEngine();
    const model = write(makePackage());
    await engine.load(model);
    const batch = { rows: 1, data: Float32Array.of(1, 1) };
    renameSync(model.folder, `${model.folder}-away`);
    process.kill(engine.pid ?? Number.NaN, 'SIGKILL');
    await waitFor('it is missed', () => counters.get('ENGINE_MODEL_UNREADABLE') > 0);
    await expect(engine.run(model.manifestSha256, batch)).rejects.toMatchObject({ code: 'MODEL_NOT_ACTIVE' });
    renameSync(`${model.folder}-away`, model.folder);
    let answers = 0;
    await vi.waitUntil(
      async () => {
        await engine.run(model.manifestSha256, batch).then(
          () => (answers += 1),
          () => undefined,
        );
        return answers > 0;
      },
      { timeout: 10_000, interval: 50 },
    );
    expect(engine.status().restarts).toBe(1);
  });

  it('keeps trying when the system has no process to give', async () => {
    let entry: URL | undefined;
    engine = new EngineProcess({
      threads: 1,
      timeoutMs: 10_000,
      log: pino({ level: 'silent' }),
      clock: systemClock,
      counters,
      // What is no file makes fork throw, as ENOMEM does.
      get entry() {
        return entry as URL;
      },
    });
    await engine.start();
    entry = new URL('data:,');
    process.kill(engine.pid ?? Number.NaN, 'SIGKILL');
    await waitFor('tried three times', () => counters.get('ENGINE_CRASHED') >= 3);
    entry = undefined;
    await waitFor('it lives', () => engine.status().alive);
  });

  it('gives up only the request that killed it twice', async () => {
    await startEngine({ entry: new URL('../../support/crashing-engine.ts', import.meta.url) });
    const bad = write(makePackage());
    const good = write(makePackage({ version: 2 }));
    await engine.load(bad);
    await engine.load(good);
    const fatal = engine.run(bad.manifestSha256, { rows: 1, data: Float32Array.of(CRASH, 0) });
    const behind = [1, 2, 3].map(() =>
      engine.run(good.manifestSha256, { rows: 1, data: Float32Array.of(1, 1) }),
    );
    await expect(fatal).rejects.toMatchObject({ code: 'ENGINE_CRASHED' });
    await expect(Promise.all(behind)).resolves.toHaveLength(3);
    const death = { model: bad.manifestSha256, cause: 'crash' };
    expect(deaths).toEqual([death, death]);
    expect(engine.status().restarts).toBe(2);
  });

  it('replaces an engine that hangs', async () => {
    await startEngine({ timeoutMs: 1500 });
    const looping = write(makePackage({ graph: loopGraph }));
    const good = write(makePackage());
    await engine.load(looping);
    await engine.load(good);
    const bad = engine.run(looping.manifestSha256, { rows: 1, data: Float32Array.of(FOR_EVER, 0) });
    const behind = engine.run(good.manifestSha256, { rows: 1, data: Float32Array.of(1, 1) });
    await expect(bad).rejects.toMatchObject({ code: 'ENGINE_TIMEOUT' });
    await expect(behind).resolves.toMatchObject({ width: 1 });
    expect(counters.get('ENGINE_TIMEOUT')).toBe(2);
    expect(deaths[0]).toEqual({ model: looping.manifestSha256, cause: 'hang' });
  });

  it.runIf(process.platform === 'linux').each([
    ['stands still by a signal', 'killed'],
    ['works on and on', 'hang'],
  ])('knows from the model’s own times that an engine hangs that %s', async (_what, cause) => {
    // With the certain limit alone this test would end in its own timeout.
    await startEngine({ timeoutMs: 600_000 });
    const model = write(makePackage({ graph: loopGraph }));
    await engine.load(model);
    const ask = (value: number) =>
      engine.run(model.manifestSha256, { rows: 1, data: Float32Array.of(value, 0) });
    for (let i = 0; i < 20; i++) await ask(1);
    if (cause === 'killed') {
      process.kill(engine.pid ?? Number.NaN, 'SIGSTOP');
      await expect(ask(3)).resolves.toMatchObject({ width: 1 });
    } else {
      await expect(ask(FOR_EVER)).rejects.toMatchObject({ code: 'ENGINE_TIMEOUT' });
    }
    expect(deaths[0]).toEqual({ model: model.manifestSha256, cause });
    expect(counters.get('ENGINE_TIMEOUT')).toBe(engine.status().restarts);
  });

  it('is made anew when it holds too much memory, with every request answered once', async () => {
    await startEngine({
      maxRssMiB: 400,
      entry: new URL('../../support/leaking-engine.ts', import.meta.url),
    });
    const model = write(makePackage());
    await engine.load(model);
    const before = engine.pid;
    const ask = (value: number) =>
      engine.run(model.manifestSha256, { rows: 1, data: Float32Array.of(value, 0) });
    for (let i = 0; i < 8; i++) await ask(LEAK);
    let [asked, answered] = [0, 0];
    while (engine.pid === before) {
      asked += 1;
      await ask(1);
      answered += 1;
    }
    await ask(1);
    expect(answered).toBe(asked);
    expect(counters.get('ENGINE_RENEWED')).toBe(1);
    expect(engine.status().restarts).toBe(0);
    expect(deaths).toEqual([]);
  });

  it('refuses an execution provider that this build lacks, and names those that are there', async () => {
    await expect(startEngine({ executionProvider: 'abacus' })).rejects.toMatchObject({
      code: 'ENGINE_PROVIDER_MISSING',
      message: expect.stringContaining('"abacus"'),
      hint: expect.stringContaining('cpu'),
    });
  });

  it('answers the same with as many threads as there are cores', async () => {
    await startEngine({ threads: 0 });
    const model = write(makePackage({ graph: { weights: [[1, -1]] } }));
    await engine.load(model);
    const { output } = await engine.run(model.manifestSha256, { rows: 2, data: Float32Array.of(2, 1, 0, 3) });
    expect(output[0]).toBeCloseTo(1 / (1 + Math.exp(-1)), 5);
    expect(output[1]).toBeCloseTo(1 / (1 + Math.exp(3)), 5);
  });

  it('leaves no process behind when it stops', async () => {
    await startEngine();
    const pid = engine.pid ?? 0;
    await engine.stop();
    expect(isAlive(pid)).toBe(false);
    await expect(engine.run('0'.repeat(64), { rows: 1, data: Float32Array.of(1, 1) })).rejects.toThrow();
  });

  it('ends when its agent is killed', async () => {
    const program = fileURLToPath(new URL('./engine-owner.ts', import.meta.url));
    const owner = startProcess(relative(projectRoot, program), []);
    await waitFor('an engine', () => owner.lines.length > 0);
    const pid = Number(owner.lines[0]?.engine);
    expect(isAlive(pid)).toBe(true);
    await owner.end('SIGKILL');
    await waitFor('the engine is gone', () => !isAlive(pid));
  });

  it('says so when it cannot start', async () => {
    await expect(
      startEngine({ entry: new URL('./no-such-engine.ts', import.meta.url) }),
    ).rejects.toMatchObject({
      code: 'ENGINE_CRASHED',
      message: expect.stringContaining('did not start'),
    });
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
