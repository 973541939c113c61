import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { systemClock } from '../../../agent/clock.ts';
import { deviceConfigSchema } from '../../../agent/config/schema.ts';
import { agentError } from '../../../agent/errors.ts';
import { EngineProcess } from '../../../agent/inference/engine-client.ts';
import { INSTALL_MOVES } from '../../../agent/models/install-view.ts';
import { ModelManager } from '../../../agent/models/model-manager.ts';
import { openStore } from '../../../agent/store/open-store.ts';
import type { Store } from '../../../agent/store/store.ts';
import { Counters } from '../../../daemon/counters.ts';
import type { Desired, InstallState, ModelRef } from '../../../protocol/messages.ts';
import {
  hashOf,
  makePackage,
  manifestOf,
  type PackageOptions,
  writePackage,
} from '../../support/packages.ts';
import { TestTeam } from '../../support/trust.ts';
import { waitFor } from '../../support/wait-for.ts';

const log = pino({ level: 'silent' });
const SLOT = 'press';
/** What test/support/crashing-engine.ts dies of. */
const CRASH = 666;

let folder: string;
let store: Store;
let engine: EngineProcess;
let manager: ModelManager;
let counters: Counters;
let online: boolean;
let fetches: string[];
/** Manifests whose chunks were freed. */
let freed: string[];
let diskIsFull: boolean;
let slotConfig: Partial<z.input<typeof deviceConfigSchema>['slots'][string]>;
let team: TestTeam;
/** Packages that the server has, by hash. */
const server = new Map<string, Map<string, Buffer>>();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'andon-models-'));
  online = true;
  diskIsFull = false;
  slotConfig = {};
  fetches = [];
  freed = [];
  team = new TestTeam();
  server.clear();
});

afterEach(async () => {
  await stopAgent();
  for (const [from, to] of moves.splice(0)) expect(INSTALL_MOVES[from], `from ${from}`).toContain(to);
  rmSync(folder, { recursive: true, force: true });
});

async function startAgent(model = join(folder, 'config-model')): Promise<void> {
  lastInstall = null;
  isNoting = true;
  counters = new Counters();
  store = openStore({
    folder,
    maxBytes: 16 * 1024 * 1024,
    commitWithinMs: 1,
    clock: systemClock,
    log,
    counters,
  });
  engine = new EngineProcess({
    threads: 1,
    timeoutMs: 1500,
    log,
    clock: systemClock,
    counters,
    entry: new URL('../../support/crashing-engine.ts', import.meta.url),
    onDeath: (death) => manager.engineDied(death),
  });
  const config = deviceConfigSchema.parse({
    device: { id: 'd1' },
    dataDir: folder,
    sources: { line: { kind: 'simulated-line' } },
    slots: {
      [SLOT]: {
        source: 'line',
        model,
        probation: { predictions: 20, forMs: 0, maxErrorRate: 0.1 },
        selfTest: { shadowSamples: 0 },
        ...slotConfig,
      },
    },
  });
  manager = new ModelManager({
    config,
    store: {
      recorder: store.recorder,
      states: {
        get: (key) => store.states.get(key),
        set: (key, value) => {
          if (diskIsFull) throw agentError('STORE_FULL', 'the disk is full');
          store.states.set(key, value);
        },
        delete: (key) => store.states.delete(key),
        keys: (prefix) => store.states.keys(prefix),
      },
    },
    engine,
    clock: systemClock,
    log,
    counters,
    trust: team.trust,
    retryMs: 10,
    onChange: () => noteMove(),
    dropChunks: async ({ manifestSha256 }) => {
      freed.push(manifestSha256);
    },
    fetchPackage: async (ref, onProgress) => {
      fetches.push(ref.manifestSha256);
      if (!online) throw new Error('no network');
      onProgress(1, 1, null);
      return server.get(ref.manifestSha256) ?? new Map();
    },
  });
  await engine.start();
  await manager.start();
}

async function stopAgent(): Promise<void> {
  isNoting = false;
  await manager?.stop();
  await engine?.stop();
  await store?.close().catch(() => undefined);
}

/** @param change what is done to it after it was signed */
function publish(options: PackageOptions = {}, change?: (files: Map<string, Buffer>) => void): ModelRef {
  const files = makePackage(options);
  team.sign(files);
  change?.(files);
  const manifestSha256 = hashOf(files);
  server.set(manifestSha256, files);
  const { name, version } = manifestOf(files);
  return { name, version, manifestSha256, indexSha256: manifestSha256, sizeBytes: 1 };
}

function renamed(files: Map<string, Buffer>): void {
  files.set('manifest.json', Buffer.from(JSON.stringify({ ...manifestOf(files), summary: 'Another one.' })));
}

let generation = 0;
function want(champion: ModelRef, challenger: ModelRef | null = null, share = 0.2): void {
  generation += 1;
  lastInstall = null;
  const desired: Desired = {
    v: 1,
    device: 'd1',
    generation,
    issuedAtMs: 0,
    slots: { [SLOT]: { champion, challenger: challenger && { model: challenger, share, rolloutId: 'r' } } },
  };
  manager.desired(desired);
}

/** The last install that was reported since something new was wanted, or a start. */
let lastInstall: { manifestSha256: string; state: InstallState } | null = null;

/** Held against every test of this file: a model moves only along the table. */
function noteMove(): void {
  if (!isNoting) return;
  const install = manager.reported()[SLOT]?.install ?? null;
  if (
    install &&
    lastInstall?.manifestSha256 === install.manifestSha256 &&
    lastInstall.state !== install.state
  ) {
    moves.push([lastInstall.state, install.state]);
  }
  lastInstall = install;
}

/** A restart may end any state. */
let isNoting = false;
const moves: [InstallState, InstallState][] = [];

const champion = () => manager.of(SLOT)?.champion.manifestSha256;
const report = () => manager.reported()[SLOT];
const installState = () => report()?.install?.state;
const packages = () => readdirSync(join(folder, 'packages')).sort();
const kinds = () => store.streams.read('events', 0, 100).records.map((event) => event.kind);

/** The config's model: version 1. */
function configured(options: PackageOptions = {}): ModelRef {
  const ref = publish({ version: 1, ...options });
  writePackage(join(folder, 'config-model'), server.get(ref.manifestSha256) ?? new Map());
  return ref;
}

async function deploy(ref: ModelRef): Promise<void> {
  want(ref);
  await waitFor('on probation', () => champion() === ref.manifestSha256);
}

describe('the model manager', () => {
  it('starts with the config’s model, offline, and again after the config’s folder is gone', async () => {
    const first = configured();
    online = false;
    await startAgent();
    expect(champion()).toBe(first.manifestSha256);
    expect(report()).toMatchObject({ champion: { title: 'tiny 1' }, install: { state: 'committed' } });
    await stopAgent();
    rmSync(join(folder, 'config-model'), { recursive: true });
    await startAgent();
    expect(champion()).toBe(first.manifestSha256);
    expect(fetches).toEqual([]);
  });

  it('takes the config’s new model when no server ever spoke', async () => {
    configured();
    await startAgent();
    await stopAgent();
    const second = publish({ version: 2 });
    writePackage(join(folder, 'other'), server.get(second.manifestSha256) ?? new Map());
    await startAgent(join(folder, 'other'));
    expect(champion()).toBe(second.manifestSha256);
  });

  it('installs what is wanted beside the champion, commits it after its probation, and forgets the oldest', async () => {
    const [first, second, third] = [configured(), publish({ version: 2 }), publish({ version: 3 })];
    await startAgent();
    await deploy(second);
    expect(installState()).toBe('probation');
    manager.observe(SLOT, second.manifestSha256, 'ok', 20);
    expect(installState()).toBe('committed');
    await deploy(third);
    manager.observe(SLOT, third.manifestSha256, 'ok', 20);
    await waitFor('two packages are left', () => packages().length === 2);
    expect(packages()).toEqual([second.manifestSha256, third.manifestSha256].sort());
    expect(packages()).not.toContain(first.manifestSha256);
    await waitFor('the story is told', () => kinds().length === 5);
    expect(kinds()).toEqual([
      'model-activated',
      'model-activated',
      'model-committed',
      'model-activated',
      'model-committed',
    ]);
  });

  it('goes back in the same turn when the newcomer errs too often, and does not try it again', async () => {
    const [first, second] = [configured(), publish({ version: 2 })];
    await startAgent();
    await deploy(second);
    manager.observe(SLOT, second.manifestSha256, 'error', 3);
    expect(champion()).toBe(first.manifestSha256);
    expect(report()?.install).toMatchObject({ state: 'rolled-back', reason: '3 errors in 3 predictions' });
    want(second);
    await waitFor('the story is told', () => kinds().includes('model-rolled-back'));
    expect(champion()).toBe(first.manifestSha256);
    expect(fetches).toEqual([second.manifestSha256]);
  });

  it.each([
    ['crashes the engine', CRASH],
    ['hangs the engine', 1e15],
  ])('brings the last good model back when the newcomer %s', async (_what, poison) => {
    const first = configured();
    const second = publish({ version: 2, graph: { weights: [[1, 0]], kind: 'loop' } });
    await startAgent();
    await deploy(second);
    const fatal = engine.run(second.manifestSha256, { rows: 1, data: Float32Array.of(poison, 0) });
    await expect(fatal).rejects.toMatchObject({ code: 'MODEL_NOT_ACTIVE' });
    expect(champion()).toBe(first.manifestSha256);
    await engine.run(first.manifestSha256, { rows: 1, data: Float32Array.of(1, 1) });
    expect(engine.status().restarts).toBe(1);
  });

  it('goes back from a committed model that fails ten times in a row', async () => {
    const [first, second] = [configured(), publish({ version: 2 })];
    await startAgent();
    await deploy(second);
    manager.observe(SLOT, second.manifestSha256, 'ok', 20);
    manager.observe(SLOT, second.manifestSha256, 'error', 10);
    await waitFor('the one before', () => champion() === first.manifestSha256);
    await engine.run(first.manifestSha256, { rows: 1, data: Float32Array.of(1, 1) });
  });

  it('takes a boot loop in a probation as the newcomer’s fault', async () => {
    const [first, second] = [configured(), publish({ version: 2 })];
    await startAgent();
    await deploy(second);
    for (let boot = 1; boot <= 3; boot++) {
      await stopAgent();
      await startAgent();
      expect(champion()).toBe(second.manifestSha256);
    }
    await stopAgent();
    await startAgent();
    expect(champion()).toBe(first.manifestSha256);
    expect(installState()).toBe('rolled-back');
  });

  it('frees the chunks of a newcomer once more after a restart, before it can fail', async () => {
    const [first, second] = [configured(), publish({ version: 2 })];
    await startAgent();
    await deploy(second);
    await stopAgent();
    freed = [];
    await startAgent();
    expect(freed).toEqual([second.manifestSha256]);
    manager.observe(SLOT, second.manifestSha256, 'error', 3);
    expect(champion()).toBe(first.manifestSha256);
  });

  it('falls back to the last good model when the champion’s file is damaged on the disk', async () => {
    const [first, second] = [configured(), publish({ version: 2 })];
    await startAgent();
    await deploy(second);
    manager.observe(SLOT, second.manifestSha256, 'ok', 20);
    await stopAgent();
    writeFileSync(join(folder, 'packages', second.manifestSha256, 'model.onnx'), 'rot');
    await startAgent();
    expect(champion()).toBe(first.manifestSha256);
    expect(counters.get('PACKAGE_HASH_MISMATCH')).toBe(1);
  });

  it.each<[string, string, PackageOptions, ((files: Map<string, Buffer>) => void) | undefined]>([
    ['that is on no list', 'TARGET_UNKNOWN', {}, (files) => team.strike(files)],
    ['that is another one than on the list', 'TARGET_MISMATCH', {}, renamed],
    [
      'with a changed file',
      'PACKAGE_HASH_MISMATCH',
      {},
      (files) => files.set('model.onnx', Buffer.from('x')),
    ],
    [
      'with a file that climbs out',
      'PACKAGE_HASH_MISMATCH',
      {},
      (files) => files.set('../x', Buffer.from('x')),
    ],
    ['that is no ONNX', 'ENGINE_MODEL_UNREADABLE', { onnx: Buffer.from('no') }, undefined],
    ['with other inputs', 'ENGINE_INPUT_MISMATCH', { graph: { input: 'x' } }, undefined],
    [
      'that answers otherwise than where it was trained',
      'GOLDEN_SAMPLES_FAILED',
      { golden: { samples: [{ input: [1, 1], output: [0.9] }] } },
      undefined,
    ],
    [
      'that answers NaN',
      'ENGINE_OUTPUT_INVALID',
      { graph: { kind: 'sqrt' }, golden: { samples: [{ input: [0, 1], output: [0] }] } },
      undefined,
    ],
  ])('refuses a package %s, keeps the champion, and takes the next', async (_what, code, options, change) => {
    const first = configured();
    const bad = publish({ version: 2, ...options }, change);
    await startAgent();
    want(bad);
    await waitFor('refused', () => installState() === 'refused');
    expect(report()?.install?.reason).toContain(code);
    expect(champion()).toBe(first.manifestSha256);
    expect(counters.get(code)).toBe(1);
    await waitFor('the story is told', () => kinds().includes('model-refused'));
    await waitFor('it is off the disk', () => !existsSync(join(folder, 'packages', bad.manifestSha256)));
    await deploy(publish({ version: 3 }));
    // What is not on the list is not even fetched.
    expect(fetches.filter((hash) => hash === bad.manifestSha256)).toHaveLength(/^TARGET/.test(code) ? 0 : 1);
  });

  it('is patient while offline, and lets the newest desired state win over what is under way', async () => {
    const [first, second, third] = [configured(), publish({ version: 2 }), publish({ version: 3 })];
    await startAgent();
    online = false;
    want(second);
    await waitFor('tried again', () => fetches.length >= 3);
    expect(installState()).toBe('fetching');
    expect(champion()).toBe(first.manifestSha256);
    want(third);
    online = true;
    await waitFor('the newest', () => champion() === third.manifestSha256);
    expect(fetches.at(-1)).toBe(third.manifestSha256);
  });

  it('starts, commits, refuses and goes back on a full disk, and activates nothing that a restart would not know', async () => {
    const [first, second] = [configured(), publish({ version: 2 })];
    await startAgent();
    await deploy(second);
    await stopAgent();
    diskIsFull = true;
    await startAgent();
    expect(champion()).toBe(second.manifestSha256);
    manager.observe(SLOT, second.manifestSha256, 'ok', 20);
    expect(installState()).toBe('committed');
    manager.observe(SLOT, second.manifestSha256, 'error', 10);
    await waitFor('the one before', () => champion() === first.manifestSha256);
    diskIsFull = false;
    const third = publish({ version: 3 });
    want(third);
    diskIsFull = true;
    await waitFor('it cannot be written', () => counters.get('STORE_FULL') >= 4);
    expect(champion()).toBe(first.manifestSha256);
    diskIsFull = false;
    await waitFor('the third', () => champion() === third.manifestSha256);
  });

  it('goes on after a restart with an installation that was cut, from the disk alone', async () => {
    const [, second] = [configured(), publish({ version: 2 })];
    await startAgent();
    online = false;
    want(second);
    await waitFor('fetching', () => installState() === 'fetching');
    await stopAgent();
    writePackage(
      join(folder, 'packages', second.manifestSha256),
      server.get(second.manifestSha256) ?? new Map(),
    );
    fetches = [];
    await startAgent();
    await waitFor('installed', () => champion() === second.manifestSha256);
    expect(fetches).toEqual([]);
  });

  it('runs a challenger beside the champion, promotes it without loading it again, or drops it', async () => {
    const [first, second] = [configured(), publish({ version: 2 })];
    await startAgent();
    want(first, second, 0.2);
    await waitFor('a challenger', () => manager.of(SLOT)?.challenger !== null);
    expect(report()?.challenger).toMatchObject({ manifestSha256: second.manifestSha256, share: 0.2 });
    expect(installState()).toBe('challenger');
    const before = manager.of(SLOT);
    want(first, second, 0.2);
    expect(manager.of(SLOT)).toBe(before);
    want(first, second, 0.5);
    expect(manager.of(SLOT)?.challenger?.share).toBe(0.5);
    want(second);
    expect(manager.of(SLOT)?.champion).toBe(before?.challenger?.model);
    expect(installState()).toBe('probation');
    want(first);
    expect(champion()).toBe(first.manifestSha256);
    expect(fetches).toHaveLength(1);
  });

  it('takes a failing challenger away and leaves the champion alone', async () => {
    const [first, second] = [configured(), publish({ version: 2 })];
    await startAgent();
    want(first, second);
    await waitFor('a challenger', () => manager.of(SLOT)?.challenger !== null);
    manager.observe(SLOT, second.manifestSha256, 'error', 3);
    expect(manager.of(SLOT)).toMatchObject({
      champion: { manifestSha256: first.manifestSha256 },
      challenger: null,
    });
    expect(installState()).toBe('rolled-back');
  });

  it('runs without a model when the config’s is bad, and takes one from the server', async () => {
    const bad = configured();
    team.strike(server.get(bad.manifestSha256) ?? new Map());
    await startAgent();
    expect(manager.of(SLOT)).toBeUndefined();
    expect(report()).toMatchObject({ champion: null });
    expect(counters.get('TARGET_UNKNOWN')).toBe(1);
    const good = publish({ version: 2 });
    expect(good.manifestSha256).not.toBe(bad.manifestSha256);
    want(good);
    await waitFor('a champion', () => champion() === good.manifestSha256);
    expect(installState()).toBe('committed');
  });

  it('tries a model again that was on no list, as soon as a newer list is here', async () => {
    configured();
    const late = publish({ version: 2 }, (files) => team.strike(files));
    await startAgent();
    want(late);
    await waitFor('refused', () => installState() === 'refused');
    team.sign(server.get(late.manifestSha256) ?? new Map());
    lastInstall = null;
    manager.trustChanged();
    await waitFor('installed', () => champion() === late.manifestSha256);
  });

  it('counts a slot that the server names and this device does not have', async () => {
    const first = configured();
    await startAgent();
    const slots = { nowhere: { champion: first, challenger: null } };
    manager.desired({ v: 1, device: 'd1', generation: 1e6, issuedAtMs: 0, slots });
    expect(counters.get('DESIRED_REFUSED')).toBe(1);
  });

  it('keeps a tested model waiting while an operator holds the slot, over a restart too, and says why', async () => {
    const [first, second] = [configured(), publish({ version: 2 })];
    await startAgent();
    manager.setHold(SLOT, { reason: 'batch 4711 runs', untilMs: null });
    want(second);
    const waits = () => report()?.install?.waitsFor === 'hold';
    await waitFor('tested, and waiting', waits);
    expect(report()?.install).toMatchObject({
      manifestSha256: second.manifestSha256,
      state: 'testing',
      reason: 'waits: held by an operator: batch 4711 runs',
    });
    expect(champion()).toBe(first.manifestSha256);
    await stopAgent();
    await startAgent();
    await waitFor('waiting again', waits);
    expect(manager.holdOf(SLOT)?.reason).toBe('batch 4711 runs');
    manager.setHold(SLOT, null);
    expect(champion()).toBe(second.manifestSha256);
    expect(installState()).toBe('probation');
  });

  it('never keeps a model that fails for a hold, nor a slot without one', async () => {
    const bad = configured();
    team.strike(server.get(bad.manifestSha256) ?? new Map());
    await startAgent();
    manager.setHold(SLOT, { reason: 'audit', untilMs: null });
    const good = publish({ version: 2 });
    await deploy(good);
    manager.setHold(SLOT, null);
    const third = publish({ version: 3 });
    await deploy(third);
    manager.setHold(SLOT, { reason: 'audit', untilMs: null });
    manager.observe(SLOT, third.manifestSha256, 'error', 3);
    expect(champion()).toBe(good.manifestSha256);
    expect(installState()).toBe('rolled-back');
  });

  it('waits for the maintenance window, and takes what is over it never', async () => {
    const tomorrow = new Date(Date.now() + 36 * 3_600_000).toLocaleDateString('en', {
      weekday: 'short',
      timeZone: 'UTC',
    });
    const days = [tomorrow.toLowerCase() as 'mon'];
    slotConfig = { updates: { windows: [{ days, from: '12:00', to: '12:30' }], timeZone: 'UTC' } };
    const [first, second] = [configured(), publish({ version: 2 })];
    await startAgent();
    want(second);
    await waitFor('tested, and waiting', () => report()?.install?.waitsFor === 'window');
    expect(report()?.install?.reason).toBe(`waits: the maintenance window opens ${tomorrow} 12:00`);
    expect(champion()).toBe(first.manifestSha256);
  });

  it.each([
    ['MODEL_TOO_SLOW', { latencyP99Ms: 1e-6 }],
    ['MODEL_TOO_LARGE', { memoryMiB: 1e-6 }],
  ])('refuses a model over the slot’s budget (%s), but runs the config’s own', async (code, budget) => {
    slotConfig = { budget };
    const [first, second] = [configured(), publish({ version: 2 })];
    await startAgent();
    want(second);
    await waitFor('refused', () => installState() === 'refused');
    expect(report()?.install?.reason).toMatch(new RegExp(`^${code}: .* allowed are `));
    expect(champion()).toBe(first.manifestSha256);
    expect(manager.figuresOf(SLOT, first.manifestSha256)?.latencyP99Ms).toBeGreaterThan(0);
  });

  it('lets a newcomer look on before it decides, and refuses one that errs there', async () => {
    slotConfig = { selfTest: { shadowSamples: 10, shadowForMs: 60_000 } };
    const [first, second, third] = [configured(), publish({ version: 2 }), publish({ version: 3 })];
    await startAgent();
    want(second);
    await waitFor('it looks on', () => manager.of(SLOT)?.challenger !== null);
    expect(manager.of(SLOT)?.challenger).toMatchObject({ share: 0, rolloutId: 'self-test' });
    expect(report()).toMatchObject({ challenger: null, install: { state: 'testing' } });
    manager.observe(SLOT, second.manifestSha256, 'ok', 1);
    manager.observe(SLOT, second.manifestSha256, 'error', 2);
    await waitFor('refused', () => installState() === 'refused');
    expect(report()?.install?.reason).toBe(
      'MODEL_FAILS_ON_TRIAL: it looked on and failed: 2 errors in 3 predictions',
    );
    expect(manager.of(SLOT)).toMatchObject({
      champion: { manifestSha256: first.manifestSha256 },
      challenger: null,
    });
    want(third);
    await waitFor('the next looks on', () => manager.of(SLOT)?.challenger !== null);
    manager.observe(SLOT, third.manifestSha256, 'ok', 10);
    await waitFor('on probation', () => champion() === third.manifestSha256);
  });

  it('does not wait for samples of a line that stands still', async () => {
    slotConfig = { selfTest: { shadowSamples: 10, shadowForMs: 1 } };
    const [, second] = [configured(), publish({ version: 2 })];
    await startAgent();
    await deploy(second);
  });

  it('does not touch the engine at work when a model crashes or hangs it in its test', async () => {
    const first = configured();
    const poisoned = (input: number[]) => ({
      graph: { weights: [[1, 0]], kind: 'loop' as const },
      golden: { samples: [{ input, output: [0.5] }] },
    });
    const crashes = publish({ version: 2, ...poisoned([CRASH, 0]) });
    const hangs = publish({ version: 3, ...poisoned([1e15, 0]) });
    await startAgent();
    const { pid } = engine;
    for (const [bad, code] of [
      [crashes, 'ENGINE_CRASHED'],
      [hangs, 'ENGINE_TIMEOUT'],
    ] as const) {
      want(bad);
      await waitFor('refused', () => installState() === 'refused', 15_000);
      expect(report()?.install?.reason).toContain(code);
      await engine.run(first.manifestSha256, { rows: 1, data: Float32Array.of(1, 1) });
    }
    expect(engine.pid).toBe(pid);
    expect(engine.status().restarts).toBe(0);
  });

  it('refuses a model whose test ended the agent three times', async () => {
    const [first, second] = [configured(), publish({ version: 2 })];
    await startAgent();
    online = false;
    want(second);
    for (let crash = 1; crash <= 3; crash++) {
      await stopAgent();
      const row = await storedRow();
      const { store: file, key } = row;
      file.states.set(key, {
        ...row.state,
        step: { model: second.manifestSha256, goal: 'champion', state: 'testing' },
      });
      await file.close();
      await startAgent();
    }
    expect(report()?.install).toMatchObject({ manifestSha256: second.manifestSha256, state: 'refused' });
    expect(report()?.install?.reason).toContain('MODEL_ENDS_AGENT');
    expect(champion()).toBe(first.manifestSha256);
  });
});

/** The slot's row as a killed agent has left it, to be changed before the next start. */
async function storedRow() {
  const clock = systemClock;
  const opened = openStore({ folder, maxBytes: 16 * 1024 * 1024, commitWithinMs: 1, clock, log, counters });
  const key = `models/${SLOT}`;
  return { store: opened, key, state: opened.states.get(key) as object };
}
