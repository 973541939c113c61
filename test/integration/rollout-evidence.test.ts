/**
 * Six real agents, a real server and a real broker. A better model reaches every device; a worse one with plausible offline
 * figures is stopped by what happens on the line alone: nobody answers anything.
 */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, it, onTestFinished } from 'vitest';
import type { FleetView } from '../../sync-server/views/fleet.ts';
import type { RolloutView } from '../../sync-server/views/rollout.ts';
import { newFolder, writeJson } from '../faults/support/scene.ts';
import { fleetOf, publishPackage } from '../support/admin-client.ts';
import { describeWithMosquitto, startMosquitto } from '../support/brokers.ts';
import { hashOf, readFiles } from '../support/packages.ts';
import { projectRoot, startProcess, waitFor } from '../support/processes.ts';
import { TestTeam } from '../support/trust.ts';

const AGENTS = 6;
const SLOT = 'machine-failure';
const FAILED_AFTER_MS = 300;
const FINE_AFTER_MS = 1500;
const models = join(projectRoot, 'models', 'milling-failure');
const [old, better, worse] = ['1', '2', '3-worse-on-purpose'].map((name) => readFiles(join(models, name)));

describeWithMosquitto('a fleet of six', () => {
  it('takes a better model everywhere, and a worse one back, by what happens on the line alone', async () => {
    const scene = await startFleet();
    const good = await scene.rollOut(2);
    const done = await scene.ended(good.id);
    expect(done).toMatchObject({ state: 'done', stage: 2 });
    await scene.everyDeviceRuns(better);
    const stages = done.decisions.map(({ stage }) => stage);
    expect(stages).toEqual(stages.toSorted((a, b) => b - a));

    const bad = await scene.rollOut(3);
    const stopped = await scene.ended(bad.id);
    expect(stopped).toMatchObject({ state: 'rolled-back', reason: expect.stringMatching(/^Harm is likely/) });
    expect(stopped.evidence.difference?.high).toBeLessThan(0);
    await scene.everyDeviceRuns(better);
    const backMs = Date.now() - stopped.updatedAtMs;
    // The decision was there before the first device was told.
    expect(Math.min(...scene.ordersIssuedMs(stopped))).toBeGreaterThanOrEqual(stopped.updatedAtMs);
    console.info(
      `better: ${seconds(done)} s and ${done.evidence.pairs} labels to every device; worse: ${seconds(stopped)} s and ${stopped.evidence.pairs} labels to the decision, ${(backMs / 1000).toFixed(1)} s from it until all devices said that they were back`,
    );
  }, 600_000);
});

function seconds({ startedAtMs, updatedAtMs }: RolloutView): string {
  return ((updatedAtMs - startedAtMs) / 1000).toFixed(1);
}

async function startFleet() {
  if (!old || !better || !worse) throw new Error('the shipped models are missing');
  const folder = newFolder();
  const team = new TestTeam().sign(old, better, worse);
  team.prepareServer(join(folder, 'server'));
  const metadata = team.writeMetadata(join(folder, 'metadata'));
  const broker = await startMosquitto();
  onTestFinished(() => broker.stop());
  const server = startProcess('sync-server/start.ts', [
    '--config',
    writeJson(join(folder, 'server.json'), {
      dataDir: join(folder, 'server'),
      broker: { kind: 'external', url: broker.url },
      http: { port: 0 },
      rollouts: { everyMs: 1000 },
    }),
  ]);
  onTestFinished(() => void server.end('SIGKILL'));
  const url = String((await server.logged('listening')).url);
  for (const files of [old, better, worse]) await publishPackage(url, files);
  for (let i = 1; i <= AGENTS; i++) startAgent(folder, i, { broker: broker.url, metadata });
  const fleet = () => fleetOf(url);
  let last: FleetView | undefined;
  const everyDeviceRuns = (files: ReadonlyMap<string, Buffer> | undefined) =>
    waitFor(
      async () => {
        last = await fleet();
        const slots = last.devices.map(({ reported }) => reported?.slots[SLOT]);
        const hash = hashOf(files ?? new Map());
        const isAlone = slots.every((slot) => slot?.champion?.manifestSha256 === hash && !slot.challenger);
        return slots.length === AGENTS && isAlone;
      },
      120_000,
      () =>
        `every device running one model: ${JSON.stringify(last?.devices.map(({ reported }) => reported?.slots))}`,
    );
  await everyDeviceRuns(old);
  const rolloutOf = async (id: string) => (await fleet()).rollouts.find((rollout) => rollout.id === id);
  return {
    everyDeviceRuns,
    async rollOut(version: number): Promise<RolloutView> {
      const answer = await fetch(`${url}/api/rollouts`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ slot: SLOT, model: `milling-failure@${version}` }),
      });
      expect(answer.status).toBe(201);
      return (await answer.json()) as RolloutView;
    },
    /** When the devices that the rollout had touched were last told what to run. */
    ordersIssuedMs({ startedAtMs }: RolloutView): number[] {
      const db = new Database(join(folder, 'server', 'server.db'), { readonly: true });
      try {
        return db
          .prepare<[number], { issuedAtMs: number }>(
            'SELECT issued_at_ms AS issuedAtMs FROM desired_states WHERE issued_at_ms > ?',
          )
          .all(startedAtMs)
          .map(({ issuedAtMs }) => issuedAtMs);
      } finally {
        db.close();
      }
    },
    async ended(id: string): Promise<RolloutView> {
      let view: RolloutView | undefined;
      await waitFor(
        async () => {
          view = await rolloutOf(id);
          return view?.state === 'done' || view?.state === 'rolled-back';
        },
        240_000,
        () => `the end of a rollout: ${JSON.stringify(view)}`,
      );
      if (!view) throw new Error(`no rollout ${id}`);
      return view;
    },
  };
}

function startAgent(
  folder: string,
  i: number,
  { broker, metadata }: { broker: string; metadata: string },
): void {
  const id = `mill-${i}`;
  const config = writeJson(join(folder, `${id}.json`), {
    device: { id },
    dataDir: join(folder, id),
    sources: {
      line: {
        kind: 'simulated-line',
        ratePerS: 40,
        seed: 20 + i,
        station: id,
        eventDelayMs: FAILED_AFTER_MS,
        temperatureMemoryParts: 2,
      },
    },
    slots: {
      [SLOT]: {
        source: 'line',
        model: join(models, '1'),
        feedback: [
          { name: 'failed', when: 'event', event: 'machine-failed', label: 'failure' },
          { name: 'fine', when: 'absence', event: 'machine-failed', withinMs: FINE_AFTER_MS, label: 'ok' },
        ],
        probation: { predictions: 100, forMs: 1000 },
      },
    },
    sync: { broker, retryMs: 500 },
    trust: { metadata },
    http: { port: 0 },
  });
  const agent = startProcess('agent/start.ts', ['--config', config]);
  onTestFinished(() => void agent.end('SIGKILL'));
}
