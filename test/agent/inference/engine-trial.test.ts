import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../agent/clock.ts';
import type { EngineModel } from '../../../agent/inference/engine.ts';
import { EngineProcess } from '../../../agent/inference/engine-client.ts';
import type { EngineDeath } from '../../../agent/inference/engine-death.ts';
import { Counters } from '../../../daemon/counters.ts';
import { hashOf, makePackage, manifestOf, writePackage } from '../../support/packages.ts';
import { waitFor } from '../../support/wait-for.ts';

/** What test/support/crashing-engine.ts dies of. */
const CRASH = 666;
const FOR_EVER = 1e15;
const one = { rows: 1, data: Float32Array.of(1, 0) };

let folder: string;
let engine: EngineProcess;
let deaths: EngineDeath[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'andon-trial-'));
  deaths = [];
  engine = new EngineProcess({
    threads: 1,
    timeoutMs: 10_000,
    log: pino({ level: 'silent' }),
    clock: systemClock,
    counters: new Counters(),
    onDeath: (death) => deaths.push(death),
    entry: new URL('../../support/crashing-engine.ts', import.meta.url),
  });
  await engine.start();
});

afterEach(async () => {
  await engine.stop();
  rmSync(folder, { recursive: true, force: true });
});

function model(version: number, kind: 'sigmoid' | 'loop' = 'sigmoid'): EngineModel {
  const files = makePackage({ version, graph: { weights: [[version, 0]], kind } });
  const manifestSha256 = hashOf(files);
  return {
    manifestSha256,
    folder: writePackage(join(folder, manifestSha256), files),
    manifest: manifestOf(files),
  };
}

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('a model on trial', () => {
  it('is asked in a process apart, which takes over with everything warm when it is adopted, and the old one ends', async () => {
    const [works, newcomer] = [model(1), model(2)];
    await engine.load(works);
    const before = engine.pid ?? 0;
    const trial = await engine.trial(newcomer);
    expect((await trial.run(one)).output[0]).toBeCloseTo(1 / (1 + Math.exp(-2)), 5);
    await expect(engine.run(newcomer.manifestSha256, one)).rejects.toMatchObject({
      code: 'MODEL_NOT_ACTIVE',
    });
    expect(engine.pid).toBe(before);
    await trial.adopt();
    expect(engine.pid).not.toBe(before);
    for (const { manifestSha256 } of [works, newcomer]) await engine.run(manifestSha256, one);
    await waitFor('the old process has ended', () => !isAlive(before));
    expect(engine.status()).toMatchObject({ alive: true, restarts: 0 });
    expect(deaths).toEqual([]);
  });

  it('loses no request that was open when it took over, and answers each once', async () => {
    const works = model(1);
    await engine.load(works);
    let [asked, answered] = [0, 0];
    let adopted = false;
    const feed = async () => {
      while (!adopted || asked < 2000) {
        asked += 1;
        const data = Float32Array.of(asked % 7, 0);
        const { output } = await engine.run(works.manifestSha256, { rows: 1, data });
        expect(output[0]).toBeCloseTo(1 / (1 + Math.exp(-(data[0] ?? 0))), 5);
        answered += 1;
      }
    };
    const feeding = Promise.all(Array.from({ length: 8 }, feed));
    for (const version of [2, 3]) await (await engine.trial(model(version))).adopt();
    adopted = true;
    await feeding;
    expect(answered).toBe(asked);
  });

  it.each([
    ['crashes', CRASH, 'ENGINE_CRASHED'],
    ['hangs', FOR_EVER, 'ENGINE_TIMEOUT'],
  ])('that %s does so alone: what works goes on, and nobody else is blamed', async (_what, poison, code) => {
    const works = model(1);
    await engine.load(works);
    const { pid } = engine;
    const trial = await engine.trial(model(2, 'loop'));
    const fatal = trial.run({ rows: 1, data: Float32Array.of(poison, 0) }, { timeoutMs: 300 });
    await engine.run(works.manifestSha256, one);
    await expect(fatal).rejects.toMatchObject({ code });
    await expect(trial.adopt()).rejects.toMatchObject({ code });
    expect(engine.pid).toBe(pid);
    expect(deaths).toEqual([]);
  });

  it('is given up without a trace', async () => {
    const works = model(1);
    await engine.load(works);
    const { pid } = engine;
    const trial = await engine.trial(model(2));
    trial.discard();
    await expect(trial.run(one)).rejects.toMatchObject({ code: 'SELF_TEST_IMPOSSIBLE' });
    await engine.run(works.manifestSha256, one);
    expect(engine.pid).toBe(pid);
  });

  it('finds in the process that takes over what was loaded and unloaded meanwhile', async () => {
    const [works, leaves, comes, newcomer] = [model(1), model(2), model(3), model(4)];
    await engine.load(works);
    await engine.load(leaves);
    const trial = await engine.trial(newcomer);
    await engine.unload(leaves.manifestSha256);
    await engine.load(comes);
    await trial.adopt();
    for (const { manifestSha256 } of [works, comes, newcomer]) await engine.run(manifestSha256, one);
    await expect(engine.run(leaves.manifestSha256, one)).rejects.toMatchObject({ code: 'MODEL_NOT_ACTIVE' });
  });

  it('needs no process of its own where nothing works yet', async () => {
    const { pid } = engine;
    const first = model(1);
    const trial = await engine.trial(first);
    await trial.run(one);
    await trial.adopt();
    await engine.run(first.manifestSha256, one);
    expect(engine.pid).toBe(pid);
  });
});
