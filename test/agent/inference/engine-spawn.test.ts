import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { pino } from 'pino';
import { expect, it, onTestFinished, vi } from 'vitest';
import { systemClock } from '../../../agent/clock.ts';
import { EngineProcess } from '../../../agent/inference/engine-client.ts';
import { spawnEngine } from '../../../agent/inference/engine-spawn.ts';
import { Counters } from '../../../daemon/counters.ts';

async function startWith(spawned: ChildProcess, executionProvider = 'cpu'): Promise<EngineProcess> {
  const engine = new EngineProcess({
    spawned,
    threads: 1,
    executionProvider,
    timeoutMs: 10_000,
    log: pino({ level: 'silent' }),
    clock: systemClock,
    counters: new Counters(),
  });
  onTestFinished(() => engine.stop());
  await engine.start();
  return engine;
}

function spawn(): ChildProcess {
  const child = spawnEngine();
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

it('works with the process that was spawned before the agent knew its options', async () => {
  const spawned = spawn();
  const engine = await startWith(spawned);
  expect(engine.pid).toBe(spawned.pid);
  expect(engine.status()).toMatchObject({ alive: true, restarts: 0 });
}, 30_000);

it('spawns another when that one has ended meanwhile', async () => {
  const spawned = spawn();
  spawned.kill('SIGKILL');
  await once(spawned, 'close');
  const engine = await startWith(spawned);
  expect(engine.pid).not.toBe(spawned.pid);
  expect(engine.status()).toMatchObject({ alive: true, restarts: 0 });
}, 30_000);

it('tells it the options: a provider that is missing is refused by name', async () => {
  await expect(startWith(spawn(), 'abacus')).rejects.toMatchObject({ code: 'ENGINE_PROVIDER_MISSING' });
}, 30_000);

it('ends by itself when its agent goes without a word', async () => {
  const spawned = spawn();
  spawned.stdio[3]?.destroy();
  expect(await once(spawned, 'exit')).toEqual([0, null]);
}, 30_000);

it.skipIf(process.platform !== 'linux')('keeps to two heaps of malloc, unless somebody wants others', () => {
  const wanted = () => /MALLOC_ARENA_MAX=\d+/.exec(readFileSync(`/proc/${spawn().pid}/environ`, 'utf8'))?.[0];
  vi.stubEnv('MALLOC_ARENA_MAX', undefined);
  onTestFinished(() => void vi.unstubAllEnvs());
  expect(wanted()).toBe('MALLOC_ARENA_MAX=2');
  vi.stubEnv('MALLOC_ARENA_MAX', '8');
  expect(wanted()).toBe('MALLOC_ARENA_MAX=8');
});
