/** A line whose gate takes out what the model rejects: what such parts were is learnt only of those that go on by chance. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../agent/clock.ts';
import type { StatusView } from '../../agent/http/view.ts';
import { openStore } from '../../agent/store/open-store.ts';
import { Counters } from '../../daemon/counters.ts';
import { projectRoot, startProcess, waitFor } from '../support/processes.ts';

const SLOT = 'machine-failure';
const SHARE = 0.5;

function writeConfig(folder: string): string {
  const seen = { when: 'event', seenFor: ['ok'] };
  const config = {
    device: { id: 'mill-1' },
    dataDir: join(folder, 'data'),
    sources: {
      line: {
        kind: 'simulated-line',
        ratePerS: 300,
        eventDelayMs: 3000,
        temperatureMemoryParts: 2,
        gate: { rejects: ['failure'] },
      },
    },
    slots: {
      [SLOT]: {
        source: 'line',
        model: join(projectRoot, 'models', 'milling-failure', '1'),
        feedback: [
          { ...seen, name: 'failed', event: 'machine-failed', label: 'failure' },
          { ...seen, name: 'passed', event: 'passed-downstream', label: 'ok' },
        ],
        exploration: { share: SHARE, labels: ['failure'] },
      },
    },
    trust: { metadata: join(projectRoot, 'models', 'trust') },
    http: { port: 0 },
  };
  const file = join(folder, 'device.config.json');
  writeFileSync(file, JSON.stringify(config));
  return file;
}

it('learns of rejected parts only by chance, states that chance, and takes late evidence from other systems', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'andon-hidden-'));
  const agent = startProcess('agent/start.ts', ['--config', writeConfig(folder)]);
  onTestFinished(async () => {
    await agent.end('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  const { url } = (await agent.logged('listening', 60_000)) as unknown as { url: string };
  const slotView = async () => {
    const view = (await (await fetch(`${url}/api/status`)).json()) as StatusView;
    return view.slots[0] as StatusView['slots'][number];
  };
  let slot = await slotView();
  const taken = () => slot.recent.find(({ label, explored }) => label === 'failure' && !explored);
  await waitFor(
    async () => {
      slot = await slotView();
      return (slot.metric?.labels ?? 0) > 1500 && taken() !== undefined;
    },
    120_000,
    () => '1500 labels, and a part taken out by the gate',
  );
  const { truth } = slot;
  expect(truth.warnings).toEqual([]);
  expect(truth.exploration).toContain('50%');

  // A part that the gate took out turns up days later, in another system.
  const correlationId = taken()?.correlationId ?? '';
  const late = [{ kind: 'machine-failed', correlationId, timeMs: Date.now() - 1000 }];
  const headers = { 'content-type': 'application/json' };
  const sent = await fetch(`${url}/api/line-events`, { method: 'POST', headers, body: JSON.stringify(late) });
  expect(await sent.json()).toEqual({ recorded: 1 });
  await agent.end();

  const store = openStore({
    folder: join(folder, 'data'),
    maxBytes: 2 ** 30,
    commitWithinMs: 1,
    clock: systemClock,
    log: pino({ level: 'silent' }),
    counters: new Counters(),
  });
  onTestFinished(() => store.close());
  const predictions = store.streams.read('predictions', 0, 1500).records;
  const isLabelled = (seq: number) => store.predictions.labelOf(seq) !== undefined;
  const rejected = predictions.filter(({ label }) => label === 1);
  expect(rejected.length).toBeGreaterThan(10);
  expect(new Set(rejected.map(({ propensity }) => propensity))).toEqual(new Set([SHARE]));
  const seen = rejected.filter(({ explored }) => explored);
  expect(seen.length).toBeGreaterThan(0);
  expect(seen.length).toBeLessThan(rejected.length);
  // But for the one that turned up.
  expect(rejected.filter(({ seq, explored }) => !explored && isLabelled(seq)).length).toBeLessThanOrEqual(1);
  expect(seen.filter(({ seq }) => isLabelled(seq)).length).toBeGreaterThan(0);
  expect(predictions.every(({ tags }) => tags.shift !== undefined && tags.product !== undefined)).toBe(true);
  const about = store.predictions.byCorrelationId(SLOT, correlationId);
  expect(store.predictions.labelOf(about?.seq ?? 0)).toMatchObject({ rule: 'failed', label: 1 });
}, 240_000);
