import { describe, expect, it } from 'vitest';
import { agentError } from '../../agent/errors.ts';
import type { EngineResult } from '../../agent/inference/engine.ts';
import { ProgressWatch } from '../../agent/monitor/progress-watch.ts';
import { ServiceReport, serviceStatus } from '../../agent/service-report.ts';
import type { ServiceManager } from '../../daemon/service-manager.ts';
import { TestClock } from './store/temp-store.ts';

function reportTo(watchdogMs: number | undefined) {
  const told: string[] = [];
  const clock = new TestClock();
  const now = { serving: true, progress: true, status: 'milling: milling-failure 1.' };
  const manager: Pick<ServiceManager, keyof ServiceManager> = {
    watchdogMs,
    listens: true,
    ready: () => told.push('ready'),
    starting: () => told.push('starting'),
    alive: () => told.push('alive'),
    stopping: () => told.push('stopping'),
    status: () => told.push('status'),
    end: () => undefined,
  };
  const report = new ServiceReport({
    manager: manager as ServiceManager,
    serving: () => now.serving,
    progress: () => now.progress,
    status: () => now.status,
    clock,
  });
  const lookFor = (seconds: number) => {
    told.length = 0;
    for (let s = 0; s < seconds; s += 1) {
      clock.advance(1000);
      report.look();
    }
    return told.filter((word) => word !== 'status');
  };
  return { now, lookFor };
}

describe('what the service manager hears', () => {
  it('is ready when a model serves and not before, however long that takes', () => {
    const { now, lookFor } = reportTo(undefined);
    now.serving = false;
    expect(lookFor(60)).toEqual(['starting', 'starting']);
    now.serving = true;
    expect(lookFor(3600)).toEqual(['ready']);
  });

  it('is a sign of life four times in the watchdog’s time, for as long as there is progress', () => {
    const { now, lookFor } = reportTo(40_000);
    expect(lookFor(40)).toEqual(['ready', 'alive', 'alive', 'alive', 'alive']);
    now.progress = false;
    expect(lookFor(3600)).toEqual([]);
    now.progress = true;
    expect(lookFor(10)).toEqual(['alive']);
  });

  it('says in one line what runs and what is worst', () => {
    const models = { of: () => undefined };
    expect(serviceStatus(['milling'], models, [{ text: 'It is hot.' }, { text: 'Disk.' }])).toBe(
      'milling: no model. It is hot.',
    );
    expect(serviceStatus([], models, [])).toBe('no slots.');
  });
});

describe('progress', () => {
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  const batch = { rows: 1, data: new Float32Array(1) };

  it('is made when the engine answers, also that it cannot, and when there is nothing to do', async () => {
    const watch = new ProgressWatch();
    expect(watch.made(false)).toBe(true);
    expect(watch.made(true)).toBe(false);
    const good = watch.watch({ run: async () => ({}) as EngineResult });
    await good.run('m', batch);
    expect(watch.made(true)).toBe(true);
    expect(watch.made(true)).toBe(false);
    const bad = watch.watch({
      run: async () => {
        throw agentError('ENGINE_OUTPUT_INVALID', 'NaN');
      },
    });
    await bad.run('m', batch).catch(() => undefined);
    expect(watch.made(true)).toBe(true);
    watch.progressed();
    expect(watch.made(true)).toBe(true);
  });

  it('is none while an engine never answers, or dies each time', async () => {
    const watch = new ProgressWatch();
    void watch.watch({ run: () => new Promise(() => undefined) }).run('m', batch);
    await settle();
    expect(watch.made(false)).toBe(false);
    const dying = new ProgressWatch();
    const engine = dying.watch({
      run: async () => {
        throw agentError('ENGINE_TIMEOUT', 'no answer');
      },
    });
    await engine.run('m', batch).catch(() => undefined);
    expect(dying.made(true)).toBe(false);
  });
});
