/** What updates may cost a day and a second, over restarts and by a clock that nobody should trust. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ByteBudget } from '../../../agent/sync/byte-budget.ts';
import { encodeChunk } from '../../../protocol/chunk-codec.ts';
import { LIMITS } from '../../../protocol/limits.ts';
import { topics } from '../../../protocol/topics.ts';
import { startAedes } from '../../support/brokers.ts';
import { waitFor } from '../../support/wait-for.ts';
import { FakeServer } from './fake-server.ts';
import { FetchingDevice, hashesOf, published } from './fetching-device.ts';
import { MemoryStates } from './memory-store.ts';
import { TwoClocks } from './two-clocks.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

let clock: TwoClocks;
let states: MemoryStates;
beforeEach(() => {
  clock = new TwoClocks();
  states = new MemoryStates();
});

/** As the agent has it after each start. */
function budgetOf(maxBytesPerDay: number | null, maxBytesPerS: number | null = null): ByteBudget {
  return new ByteBudget({ of: 'updates', limits: { maxBytesPerDay, maxBytesPerS }, states, clock });
}

describe('a budget of bytes a day', () => {
  it('lets everything through where there is none, and writes nothing down', () => {
    const budget = budgetOf(null);
    budget.spend(10 ** 12);
    expect(budget.waitMs()).toBe(0);
    expect(budget.reason).toBeNull();
    expect(states.keys('')).toEqual([]);
  });

  it('waits when it is spent, says why in words, and goes on a day after it began', () => {
    const budget = budgetOf(1000);
    budget.spend(999);
    expect(budget.waitMs()).toBe(0);
    clock.nowMs += 20 * HOUR_MS;
    budget.spend(1);
    expect(budget.waitMs()).toBe(4 * HOUR_MS);
    expect(budget.reason).toBe("today's byte budget for updates is spent; goes on in 4 hours at most");
    clock.nowMs += 3.5 * HOUR_MS;
    expect(budget.reason).toContain('in an hour at most');
    clock.nowMs += 0.5 * HOUR_MS;
    expect(budget.waitMs()).toBe(0);
    expect(budget.reason).toBeNull();
  });

  it('is not whole again because the agent started again', () => {
    budgetOf(1000).spend(600);
    budgetOf(1000).spend(600);
    clock.nowMs += HOUR_MS;
    expect(budgetOf(1000).waitMs()).toBe(23 * HOUR_MS);
  });

  it('counts from the config of now: a larger one lets it go on at once', () => {
    budgetOf(1000).spend(1000);
    expect(budgetOf(1000).waitMs()).toBeGreaterThan(0);
    expect(budgetOf(2000).waitMs()).toBe(0);
  });

  it('costs a day more at most when the clock was years ahead, however often the agent starts', () => {
    clock.nowMs += 4 * 365 * DAY_MS;
    budgetOf(1000).spend(1000);
    clock.nowMs -= 4 * 365 * DAY_MS;
    expect(budgetOf(1000).waitMs()).toBe(DAY_MS);
    for (let hour = 1; hour < 24; hour++) {
      clock.nowMs += HOUR_MS;
      expect(budgetOf(1000).waitMs()).toBe(DAY_MS - hour * HOUR_MS);
    }
    clock.nowMs += HOUR_MS;
    expect(budgetOf(1000).waitMs()).toBe(0);
  });

  it('gives one day early when the clock jumps ahead', () => {
    const budget = budgetOf(1000);
    budget.spend(1000);
    clock.nowMs += 365 * DAY_MS;
    expect(budget.waitMs()).toBe(0);
    budget.spend(1000);
    expect(budget.waitMs()).toBe(DAY_MS);
  });

  it('begins a new day where what was written down is damaged', () => {
    states.set('sync/byte-budget', 'nonsense');
    expect(budgetOf(1000).waitMs()).toBe(0);
  });

  it('never waits longer than a day, whatever the clock does', () => {
    const step = fc.oneof(
      fc.record({ jumpMs: fc.integer({ min: -10 * DAY_MS, max: 10 * DAY_MS }) }),
      fc.record({ bytes: fc.nat(2000) }),
      fc.constant('restart' as const),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        clock = new TwoClocks();
        states = new MemoryStates();
        let budget = budgetOf(1000);
        for (const each of steps) {
          if (each === 'restart') budget = budgetOf(1000);
          else if ('bytes' in each) budget.spend(each.bytes);
          else clock.nowMs += each.jumpMs;
          expect(budget.waitMs()).toBeLessThanOrEqual(DAY_MS);
        }
      }),
    );
  });

  it('is never exceeded by more than what was on its way, by a clock that runs on', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 400 }), { maxLength: 100 }), (chunks) => {
        clock = new TwoClocks();
        states = new MemoryStates();
        const spent: { atMs: number; bytes: number }[] = [];
        for (const bytes of chunks) {
          const budget = budgetOf(1000);
          clock.nowMs += budget.waitMs() + HOUR_MS / 2;
          budget.spend(bytes);
          spent.push({ atMs: clock.nowMs, bytes });
        }
        // Days begin with the first byte: two of them may touch, more may not.
        for (const { atMs } of spent) {
          const inOneDay = spent.filter((other) => other.atMs >= atMs && other.atMs < atMs + DAY_MS);
          expect(inOneDay.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(2 * (1000 + 400));
        }
      }),
    );
  });
});

describe('a cap of bytes a second', () => {
  it('waits until what came is paid for, and saves nothing up', () => {
    const budget = budgetOf(null, 1000);
    expect(budget.waitMs()).toBe(0);
    budget.spend(2000);
    expect(budget.waitMs()).toBe(2000);
    budget.spend(500);
    expect(budget.waitMs()).toBe(2500);
    clock.upMs += 60_000;
    expect(budget.waitMs()).toBe(0);
    budget.spend(1000);
    expect(budget.waitMs()).toBe(1000);
  });

  it('goes by the clock that never jumps, and is no reason to name', () => {
    const budget = budgetOf(null, 1000);
    budget.spend(5000);
    clock.nowMs += DAY_MS;
    expect(budget.waitMs()).toBe(5000);
    expect(budget.reason).toBeNull();
  });
});

describe('a device with a budget', () => {
  const wanted = published(
    new Map([
      ['manifest.json', Buffer.from('{}')],
      ['model.onnx', randomBytes(1_500_000)],
    ]),
  );
  const stops: (() => unknown)[] = [];
  let url: string;

  beforeEach(async () => {
    const broker = await startAedes();
    const server = await new FakeServer().start(broker.url);
    await server.publishChunks(wanted.chunked);
    url = broker.url;
    stops.push(
      () => broker.stop(),
      () => server.stop(),
    );
  });
  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
  });

  const deviceOf = async (updates: object, dataDir?: string) => {
    const options = { broker: url, clock, states, updates, ...(dataDir === undefined ? {} : { dataDir }) };
    const device = await new FetchingDevice(options).start();
    stops.push(() => device.stop());
    return device;
  };

  it('waits for tomorrow in words, over restarts, and pays for no byte twice', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'andon-budget-'));
    stops.push(() => rmSync(dataDir, { recursive: true }));
    const perDay = 400_000;
    let days = 0;
    let bytes = 0;
    for (let isHere = false; !isHere; days++) {
      const device = await deviceOf({ maxBytesPerDay: perDay }, dataDir);
      let reason: string | null = null;
      const told = new AbortController();
      const fetching = device.fetch(wanted.ref, (_have, _want, waitsFor) => (reason = waitsFor), told.signal);
      const done = fetching.then(
        (files) => {
          isHere = true;
          expect(hashesOf(files)).toEqual(hashesOf(wanted.files));
        },
        () => undefined,
      );
      await waitFor('all of it, or a reason', () => isHere || reason !== null);
      await device.link.stop();
      told.abort();
      await done;
      bytes += device.link.bytesReceived;
      // Eight chunks may be on their way when it is spent.
      expect(device.link.bytesReceived).toBeLessThan(perDay + 8 * LIMITS.chunkBytes);
      clock.nowMs += DAY_MS;
    }
    expect(days).toBeGreaterThan(1);
    expect(bytes).toBeLessThan(1.05 * wanted.chunked.sizeBytes);
  });

  it('pays for wrong bytes too, whoever sends them', async () => {
    const forger = await new FakeServer().start(url);
    stops.push(() => forger.stop());
    const wrong = encodeChunk(randomBytes(10_000));
    for (const sha256 of wanted.chunked.chunks.keys()) {
      if (sha256 !== wanted.ref.indexSha256) await forger.publish(topics.chunk(sha256), wrong, true);
    }
    const device = await deviceOf({ maxBytesPerDay: 50_000 });
    const told = new AbortController();
    const fetching = device.fetch(wanted.ref, undefined, told.signal);
    fetching.catch(() => undefined);
    await waitFor('the budget is spent', () => budgetOf(50_000).reason !== null);
    expect(device.counters.get('PACKAGE_HASH_MISMATCH')).toBeGreaterThan(0);
    told.abort();
    await expect(fetching).rejects.toMatchObject({ code: 'FETCH_ABORTED' });
  });

  it('takes its time where bytes a second are capped', async () => {
    const device = await deviceOf({ maxBytesPerS: 1_000_000 });
    const startMs = performance.now();
    const ticking = setInterval(() => {
      clock.upMs = performance.now() - startMs;
    }, 5);
    stops.push(() => clearInterval(ticking));
    await device.fetch(wanted.ref);
    // Less the eight chunks that are asked for at once.
    const pacedBytes = wanted.chunked.sizeBytes - 8 * 64 * 1024;
    expect(performance.now() - startMs).toBeGreaterThan((pacedBytes / 1_000_000) * 1000);
  });
});
