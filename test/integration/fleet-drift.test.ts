/** What a device sees of its inputs reaches the server's view, through real processes and the embedded broker. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import type { StatusView } from '../../agent/http/view.ts';
import type { FleetView } from '../../sync-server/views/fleet.ts';
import { projectRoot, startProcess, waitFor } from '../support/processes.ts';
import { steelPlatesCsv } from '../support/steel-plates.ts';

const PLATES = 20_000;
const INPUTS = 27;

const cleanUp: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
});

async function started(entry: string, folder: string, name: string, config: unknown) {
  const file = join(folder, `${name}.json`);
  writeFileSync(file, JSON.stringify(config));
  const process = startProcess(entry, ['--config', file]);
  cleanUp.push(() => process.end());
  return process.logged('listening');
}

async function fetchJson<T>(url: string): Promise<T> {
  return (await (await fetch(url)).json()) as T;
}

/** Luminosity as a camera with twice the exposure would give it. */
function brighter(csv: string): string {
  const [head = '', ...lines] = csv.split('\n');
  const column = head.split(',').indexOf('minimum_of_luminosity');
  const changed = lines.map((line) => {
    const cells = line.split(',');
    return cells.length > column ? cells.with(column, String(Number(cells[column]) + 90)).join(',') : line;
  });
  return [head, ...changed].join('\n');
}

it('shows at the server which input of which device drifts, and keeps the profiles off both lists of events', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'andon-fleet-drift-'));
  cleanUp.push(() => rmSync(folder, { recursive: true, force: true }));
  const server = await started('sync-server/start.ts', folder, 'server', {
    dataDir: join(folder, 'server'),
    broker: { kind: 'embedded', port: 0 },
    http: { port: 0 },
  });
  const csv = join(folder, 'plates.csv');
  writeFileSync(csv, brighter(steelPlatesCsv(PLATES, 2)));
  const device = await started('agent/start.ts', folder, 'device', {
    device: { id: 'steel-line' },
    dataDir: join(folder, 'agent'),
    sources: {
      plates: { kind: 'file', path: csv, format: 'csv', speed: 'recorded', timeColumn: 'time' },
    },
    slots: { surface: { source: 'plates', model: join(projectRoot, 'models', 'steel-surface', '1') } },
    sync: { broker: server.brokerUrl, retryMs: 50 },
    trust: { metadata: join(projectRoot, 'models', 'trust') },
    http: { port: 0 },
  });
  const fleet = () => fetchJson<FleetView>(`${String(server.url)}/api/fleet`);
  const drifting = async () =>
    (await fleet()).drift[0]?.features.find(({ feature }) => feature === 'minimum_of_luminosity');
  await waitFor(
    async () => (await drifting())?.driftingDevices.length === 1,
    120_000,
    'the drift at the server',
  );
  const view = await fleet();
  expect(view.drift[0]).toMatchObject({ slot: 'surface', devices: 1 });
  expect(view.drift[0]?.features).toHaveLength(INPUTS);
  expect(await drifting()).toMatchObject({ drifting: true, driftingDevices: ['steel-line'] });
  const told = view.events.map(({ kind }) => kind);
  expect(told).toContain('drift');
  expect(told).not.toContain('input-profile');
  const status = await fetchJson<StatusView>(`${String(device.url)}/api/status`);
  expect(status.events.map(({ kind }) => kind)).not.toContain('input-profile');
}, 180_000);
