/** Sync over the real store: what is recorded arrives exactly once, over cuts and restarts of both the agent and the broker. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { systemClock } from '../../../agent/clock.ts';
import { openStore } from '../../../agent/store/open-store.ts';
import type { Store } from '../../../agent/store/store.ts';
import type { Sync } from '../../../agent/sync/sync.ts';
import { Counters } from '../../../daemon/counters.ts';
import type { Prediction } from '../../../protocol/records.ts';
import { describeWithEachBroker } from '../../support/brokers.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import { waitFor } from '../../support/wait-for.ts';
import { MODEL, makeSync } from './device.ts';
import { FakeServer } from './fake-server.ts';

const PER_LIFE = 1500;

interface Agent {
  readonly store: Store;
  readonly sync: Sync;
}

async function startAgent(dataDir: string, broker: string): Promise<Agent> {
  const counters = new Counters();
  const log = pino({ level: 'silent' });
  const store = openStore({
    folder: dataDir,
    maxBytes: 64 << 20,
    commitWithinMs: 2,
    clock: systemClock,
    log,
    counters,
  });
  const sync = makeSync({ broker }, { store, dataDir, counters });
  await sync.start();
  return { store, sync };
}

async function record({ store, sync }: Agent, count: number): Promise<void> {
  for (let done = 0; done < count; done += 50) {
    const made = Array.from({ length: 50 }, (_, i) => ({
      timeMs: Date.now(),
      slot: 'inspect',
      model: MODEL,
      role: 'champion' as const,
      correlationId: `part-${done + i}`,
      label: i % 2,
      score: 0.5,
      latencyUs: 100,
      health: 0,
      features: Float32Array.from([i, 1, 2]),
      shadow: i % 10 === 0 ? { model: 'cd'.repeat(32), label: 1, score: 0.75, latencyUs: 50 } : null,
    }));
    await store.recorder.predictions({ slot: 'inspect', source: 'line', position: null, predictions: made });
    sync.notifyRecorded();
  }
}

describeWithEachBroker('records of the real store', (startBroker) => {
  it('arrive exactly once, in order, over cuts and restarts of agent and broker', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'andon-sync-store-'));
    const broker = await startBroker();
    const proxy = await new TcpProxy(broker.port).start();
    const server = await new FakeServer().start(broker.url);
    let agent = await startAgent(dataDir, proxy.url);
    for (let life = 0; life < 3; life++) {
      const recording = record(agent, PER_LIFE);
      await waitFor(
        'something arrives',
        () => (server.committed.get('predictions')?.length ?? 0) > life * PER_LIFE,
      );
      if (life === 1) await broker.restart();
      else proxy.cut();
      await recording;
      await agent.sync.stop();
      await agent.store.close();
      agent = await startAgent(dataDir, proxy.url);
    }
    const { store, sync } = agent;
    await waitFor(
      'all acknowledged',
      () => store.streams.acked('predictions') === store.streams.head('predictions'),
    );
    const total = 3 * (PER_LIFE + PER_LIFE / 10);
    const arrived = server.committed.get('predictions') as Prediction[];
    expect(arrived.map(({ seq }) => seq)).toEqual(Array.from({ length: total }, (_, i) => i + 1));
    expect(arrived.filter(({ role }) => role === 'shadow')).toHaveLength((3 * PER_LIFE) / 10);
    expect(arrived.find(({ role }) => role === 'shadow')).toMatchObject({ pairOf: 1, features: null });
    await sync.stop();
    await store.close();
    await server.stop();
    await proxy.stop();
    await broker.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });
});
