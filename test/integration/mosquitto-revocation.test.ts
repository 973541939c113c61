/** A device that is revoked at the server is out at a Mosquitto of its own too, once that reads its files again; and in again when it is enrolled anew. */
import { readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { MqttClient } from 'mqtt';
import { expect, it, onTestFinished, vi } from 'vitest';
import { DeviceIdentity } from '../../agent/sync/device-identity.ts';
import { clientIdOf, topics } from '../../protocol/topics.ts';
import { parseServerConfig } from '../../sync-server/config/load.ts';
import { startServer } from '../../sync-server/main.ts';
import { runAndon } from '../cli/run-andon.ts';
import { describeWithMosquitto, freePort, startMosquittoWith } from '../support/brokers.ts';
import { connected } from '../support/mqtt-connected.ts';
import { waitFor } from '../support/wait-for.ts';
import { temporaryFolder } from '../sync-server/support.ts';

// A whole server and a broker of its own process, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 });
const WAIT_MS = 30_000;

describeWithMosquitto('revocation at a broker that is not the server’s own', () => {
  it('is in the broker’s files at once, and closes the device out when they are read again', async () => {
    const folder = temporaryFolder();
    const exported = join(folder, 'broker');
    const data = join(folder, 'data');
    const port = await freePort();
    const url = `mqtts://127.0.0.1:${port}`;
    const server = await startServer(
      parseServerConfig(
        {
          dataDir: data,
          broker: { kind: 'external', url, certificates: true, exportFolder: exported },
          http: { port: 0 },
          log: { level: 'fatal' },
        },
        folder,
      ),
    );
    onTestFinished(() => server.stop());
    const ran = await runAndon('pki', 'export', exported, '--name', '127.0.0.1', '--data', data);
    expect(ran).toMatchObject({ code: 0 });
    const broker = await startMosquittoWith(configHere(exported, port), port);
    onTestFinished(() => broker.stop());

    const post = async (path: string) => {
      const response = await fetch(`${server.url}/api/devices/mill-1/${path}`, { method: 'POST' });
      return (await response.json()) as { code: string };
    };
    const identity = new DeviceIdentity({
      device: 'mill-1',
      folder: join(folder, 'identity'),
      server: server.url,
      clock: { wallMs: () => Date.now() },
      onFailure: () => undefined,
    });
    await identity.enrol((await post('invitation')).code);
    const device = await connected(url, as(identity));
    const births = async () => {
      const { devices } = (await (await fetch(`${server.url}/api/fleet`)).json()) as {
        devices: { agentVersion: string }[];
      };
      return devices.map(({ agentVersion }) => agentVersion);
    };
    // Retained, as a device does it: the server may connect later.
    const bear = (client: MqttClient, agentVersion: string) =>
      client.publishAsync(topics.birth('mill-1'), birthOf(agentVersion), { qos: 1, retain: true });
    await bear(device, 'before');
    await vi.waitFor(async () => expect(await births()).toEqual(['before']), WAIT_MS);

    const listBefore = readFileSync(join(exported, 'pki', 'revoked.pem'), 'utf8');
    await post('revocation');
    const rules = () => readFileSync(join(exported, 'mosquitto.acl'), 'utf8');
    await waitFor('the rules to change', () => rules().includes('user mill-1\ntopic deny #'), WAIT_MS);
    expect(readFileSync(join(exported, 'pki', 'revoked.pem'), 'utf8')).not.toBe(listBefore);
    broker.reload();
    // Still connected, it says nothing that anybody hears; it cannot connect again.
    await vi.waitFor(() => expect(connected(url, as(identity))).rejects.toThrow(), WAIT_MS);
    const closed = new Promise<void>((resolve) => device.once('close', () => resolve()));
    if (device.connected) await Promise.race([bear(device, 'revoked'), closed]);
    expect(await births()).toEqual(['before']);

    await identity.enrol((await post('invitation')).code);
    await waitFor('the rules to change back', () => !rules().includes('mill-1'), WAIT_MS);
    broker.reload();
    let again: MqttClient | undefined;
    await vi.waitFor(async () => {
      again = await connected(url, as(identity));
    }, WAIT_MS);
    if (again) await bear(again, 'again');
    await vi.waitFor(async () => expect(await births()).toEqual(['again']), WAIT_MS);
  });
});

/** The exported configuration with absolute paths, for this user, on loopback. @returns its path */
function configHere(exported: string, port: number): string {
  const path = join(exported, 'mosquitto-tls.conf');
  const config = readFileSync(path, 'utf8')
    // Started by root it would become a user who may not read the folder.
    .replace('listener 8883', `user ${userInfo().username}\nlistener ${port} 127.0.0.1`)
    .replace('persistence true', 'persistence false')
    .replaceAll('pki/', `${join(exported, 'pki')}/`)
    .replace('acl_file ', `acl_file ${exported}/`);
  writeFileSync(path, config);
  return path;
}

const as = (identity: DeviceIdentity) => ({ clientId: clientIdOf('mill-1'), ...identity.tls() });

function birthOf(agentVersion: string): string {
  const who = { v: 1, device: 'mill-1', timeMs: Date.now(), agentVersion };
  return JSON.stringify({ ...who, storeEpoch: '0123456789abcdef', labels: {}, slots: [] });
}
