/** Starts a real server and three real agents on this machine, plays the story, and keeps the loop running. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AdminApi } from '../admin-api.ts';
import { explainError } from '../errors.ts';
import { projectRoot } from '../project.ts';
import { DEMO_DEVICES, type DemoPlaces, deviceConfig, serverConfig } from './configs.ts';
import { prepareDemoFolder } from './demo-folder.ts';
import { DeviceApi } from './device-api.ts';
import { freePorts } from './free-port.ts';
import { Narrator } from './narrator.ts';
import { PartProcess } from './part-process.ts';
import { releaseModels } from './release-models.ts';
import type { Stage } from './steps/stage.ts';
import { playStory } from './story.ts';
import { pause, waitFor } from './wait-for.ts';

const PREFERRED_PORTS = [8490, 18_830, 8491, 8492, 8493] as const;
/** A busy machine needs minutes where an idle one needs seconds; a part that died ends the wait at once. */
const START_WITHIN_MS = 180_000;

export interface DemoOptions {
  /** Data folder, absolute. */
  readonly folder: string;
  readonly fresh: boolean;
  /** End after the story. */
  readonly once: boolean;
}

/** A person (or the system) ended the demo. */
class Ended extends Error {}

/**
 * @returns exit code: 0 when the story came true or a person ended it, 1 when a step did not happen or a part died
 * @throws CodedError DEMO_FOLDER_FOREIGN; errors of the disk
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  const tell = new Narrator();
  const kept = prepareDemoFolder(options.folder, options.fresh);
  const ending = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => ending.abort(new Ended()));
  }
  const parts: PartProcess[] = [];
  try {
    tell.say(
      `Starting a server and ${DEMO_DEVICES.length} milling lines ${kept ? 'on the data kept' : 'with new data'} in ${options.folder}.`,
    );
    const stage = await startParts(options.folder, parts, tell, ending);
    const missed = await playStory(stage);
    if (missed > 0)
      tell.say(`${missed} of the steps did not happen as told; logs are in ${join(options.folder, 'logs')}`);
    if (options.once) return missed > 0 ? 1 : 0;
    tell.say('The loop keeps running; Ctrl-C ends it.');
    for (;;) await pause(60_000, ending.signal);
  } catch (error) {
    if (error instanceof Ended) return 0;
    tell.say(`Stopped: ${explainError(error)}`);
    return 1;
  } finally {
    await Promise.all(parts.map((part) => part.stop()));
    tell.say('All parts have ended. The data stays for the next start.');
  }
}

async function startParts(
  folder: string,
  parts: PartProcess[],
  tell: Narrator,
  ending: AbortController,
): Promise<Stage> {
  const ports = await freePorts(PREFERRED_PORTS);
  const [serverPort = 0, brokerPort = 0, ...devicePorts] = ports;
  const taken = PREFERRED_PORTS.filter((port, i) => ports[i] !== port);
  if (taken.length > 0) tell.say(`Another program has port ${taken.join(', ')}; free ones are used instead.`);
  const models = join(projectRoot, 'models');
  const keys = join(folder, 'keys');
  const places: DemoPlaces = { folder, models, keys, brokerPort };
  const start = (name: string, part: 'agent' | 'sync-server', config: object) => {
    const configFile = join(folder, 'config', `${name}.json`);
    writeFileSync(configFile, `${JSON.stringify(config, null, 2)}\n`);
    const logFile = join(folder, 'logs', `${name}.log`);
    const onDeath = (error: Error) => ending.abort(error);
    const child = new PartProcess({ name, part, configFile, logFile, execArgv: process.execArgv, onDeath });
    parts.push(child);
    child.start();
  };

  const api = new AdminApi(`http://127.0.0.1:${serverPort}`);
  start('server', 'sync-server', serverConfig(places, serverPort));
  const audience = { tell, signal: ending.signal };
  await waitFor('an answer of the server', START_WITHIN_MS, audience, () => api.fleet());
  await releaseModels(api, keys, join(models, 'milling-failure'), tell);
  tell.say('Starting the devices.');
  const devices = DEMO_DEVICES.map((device, i) => {
    const port = devicePorts[i] ?? 0;
    start(device.id, 'agent', deviceConfig(places, device, port));
    return new DeviceApi(device.id, `http://127.0.0.1:${port}`);
  });
  await waitFor('a model serving on every device', START_WITHIN_MS, audience, async () => {
    const healthy = await Promise.all(devices.map((device) => device.isHealthy()));
    return healthy.every(Boolean) ? true : undefined;
  });
  tell.say('Every device has a model that serves. Look here:');
  tell.show(
    '',
    `    ${api.url}   the fleet, as the central team sees it`,
    ...devices.map(({ id, url }) => `    ${url}   ${id}, as its operator sees it`),
    '',
  );
  return { api, devices, ...audience, models, logs: join(folder, 'logs') };
}
