/** The real agent and the real server inside this process, with the routes that they serve. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import { loadDeviceConfig } from '../../../../agent/config/load.ts';
import { hashPin } from '../../../../agent/http/operator-pin.ts';
import type { StatusView } from '../../../../agent/http/view.ts';
import { spawnEngine } from '../../../../agent/inference/engine-spawn.ts';
import { type RunningAgent, startAgent } from '../../../../agent/main.ts';
import { Tokens } from '../../../../sync-server/access/tokens.ts';
import { systemClock } from '../../../../sync-server/clock.ts';
import { parseServerConfig } from '../../../../sync-server/config/load.ts';
import { type RunningServer, startServer } from '../../../../sync-server/main.ts';
import type { Role } from '../../../../sync-server/role.ts';
import { openServerStore } from '../../../../sync-server/store/server-store.ts';
import { makePackage, writePackage } from '../../../support/packages.ts';
import { waitFor } from '../../../support/processes.ts';
import { TestTeam } from '../../../support/trust.ts';
import { SLOT } from '../device-process.ts';
import { fetchJson, newFolder, writeJson } from '../scene.ts';
import { tinySamplesCsv } from '../tiny-samples.ts';
import { type Route, withRoutes } from './routes.ts';

export const HOUSE_DEVICE = 'line-1';
const SAMPLES = 50;
const WITHIN_MS = 60_000;

export interface House<Running> {
  readonly running: Running;
  readonly routes: readonly Route[];
  readonly database: string;
}

interface AgentOptions {
  readonly team?: TestTeam;
  /** As in the configuration; absent: it never syncs. */
  readonly sync?: object;
}

/** With a PIN that nobody here knows. */
export async function openAgent({
  team = new TestTeam(),
  sync,
}: AgentOptions = {}): Promise<House<RunningAgent>> {
  const folder = newFolder();
  const model = makePackage({});
  writeFileSync(
    join(folder, 'line.csv'),
    tinySamplesCsv((row) => row % 7),
  );
  writeFileSync(join(folder, 'pin.json'), hashPin('4711-0815'));
  const source = {
    kind: 'file',
    path: 'line.csv',
    format: 'csv',
    timeColumn: 'time',
    correlationColumn: 'part',
    repeatToSamples: SAMPLES,
  };
  const file = writeJson(join(folder, 'device.json'), {
    device: { id: HOUSE_DEVICE },
    dataDir: 'data',
    sources: { plates: source },
    slots: { [SLOT]: { source: 'plates', model: writePackage(join(folder, 'model'), model) } },
    sync: sync ?? null,
    trust: { metadata: team.sign(model).writeMetadata(join(folder, 'metadata')) },
    http: { port: 0, pinFile: 'pin.json' },
    log: { level: 'fatal' },
  });
  const { started, routes } = await withRoutes(() =>
    startAgent(loadDeviceConfig(file), pino({ level: 'silent' }), spawnEngine()),
  );
  onTestFinished(() => started.stop());
  await restingAt(started.url);
  return { running: started, routes, database: join(folder, 'data', 'store.db') };
}

/** Its line has come to an end, and all of it is recorded: from here on nothing changes by itself. */
async function restingAt(url: string): Promise<void> {
  const lastSeq = async () => {
    const [newest] = (await fetchJson<StatusView>(`${url}/api/status`)).slots[0]?.recent ?? [];
    return Number(newest?.id.split('-')[1] ?? 0);
  };
  await waitFor(async () => (await lastSeq()) >= SAMPLES, WITHIN_MS, `${SAMPLES} predictions`);
}

export interface ServerHouse extends House<RunningServer> {
  readonly tokens: Readonly<Record<Role, string>>;
}

/** With a token of each role. @param options.broker as in the configuration */
export async function openServer({
  team = new TestTeam(),
  broker = { kind: 'embedded', port: 0 },
}: {
  readonly team?: TestTeam;
  readonly broker?: object;
} = {}): Promise<ServerHouse> {
  const folder = newFolder();
  const dataDir = join(folder, 'data');
  mkdirSync(dataDir);
  team.prepareServer(dataDir);
  const store = openServerStore(dataDir);
  const made = new Tokens({ store, clock: systemClock });
  const tokens = {
    viewer: made.add('viewer', 'viewer', null, 'test'),
    operator: made.add('operator', 'operator', null, 'test'),
    release: made.add('release', 'release', null, 'test'),
  };
  store.close();
  const config = {
    dataDir,
    broker,
    http: { port: 0 },
    log: { level: 'fatal' },
  };
  const { started, routes } = await withRoutes(() => startServer(parseServerConfig(config, folder)));
  onTestFinished(() => started.stop());
  return { running: started, routes, database: join(dataDir, 'server.db'), tokens };
}
