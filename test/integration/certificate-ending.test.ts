/** A device whose certificate is near its end and whose renewal fails: the page, /metrics and the server say so, until it is renewed. */
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { DeviceIdentity } from '../../agent/sync/device-identity.ts';
import type { FleetView } from '../../sync-server/views/fleet.ts';
import { DeviceProcess } from '../faults/support/device-process.ts';
import { testTimeoutMs } from '../faults/support/form.ts';
import { fetchJson, newFolder, writeJson } from '../faults/support/scene.ts';
import { freePort } from '../support/brokers.ts';
import { describeWithFakeClock, FakeClock } from '../support/fake-clock.ts';
import { startProcess, waitFor } from '../support/processes.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

const WAIT_MS = 60_000;
const DAY_MS = 86_400_000;
/** A certificate lasts 90 days. */
const ISSUED_BEFORE_MS = 80 * DAY_MS;
const CODE = 'certificate-ending';

async function proxyTo(url: string, port = 0): Promise<TcpProxy> {
  const proxy = await new TcpProxy(Number(new URL(url).port)).start(port);
  onTestFinished(() => proxy.stop());
  return proxy;
}

/** Of 80 days ago until now, then of today. */
async function serverWithPast(folder: string) {
  const clock = new FakeClock(Date.now() - ISSUED_BEFORE_MS);
  onTestFinished(() => clock.remove());
  const tls = { host: '127.0.0.1', port: 0, names: ['127.0.0.1'] };
  const config = writeJson(join(folder, 'server.json'), {
    dataDir: join(folder, 'server'),
    broker: { kind: 'embedded', port: 0, tls },
    http: { port: 0 },
  });
  const process = startProcess('sync-server/start.ts', ['--config', config], clock.env);
  onTestFinished(async () => void (await process.end()));
  const { url, brokerUrl } = await process.logged('listening');
  return { url: String(url), brokerUrl: String(brokerUrl), clock };
}

describeWithFakeClock('a certificate near its end', () => {
  it(
    'is an alarm at the page, in /metrics and at the server while its renewal fails, and none once it is renewed',
    async () => {
      const folder = newFolder();
      const server = await serverWithPast(folder);
      const broker = await proxyTo(server.brokerUrl);
      // Nobody listens there at first.
      const apiPort = await freePort();
      const device = new DeviceProcess(folder, {
        everyMs: 20,
        broker: broker.url.replace('mqtt:', 'mqtts:'),
        sync: { identity: { server: `http://127.0.0.1:${apiPort}` } },
      });
      const identity = new DeviceIdentity({
        device: device.id,
        folder: join(device.dataDir, 'identity'),
        server: server.url,
        clock: { wallMs: () => Date.now() },
        onFailure: () => undefined,
      });
      const invitation = `${server.url}/api/devices/${device.id}/invitation`;
      const { code } = (await (await fetch(invitation, { method: 'POST' })).json()) as { code: string };
      await identity.enrol(code);
      server.clock.set(Date.now());

      await device.start();
      const shown = async () => (await device.status()).alarms.filter((alarm) => alarm.code === CODE);
      const gauge = async () =>
        (await (await fetch(`${device.url}/metrics`)).text())
          .split('\n')
          .filter((line) => line.startsWith('andon_alarm_raised') && line.includes(CODE));
      const fleet = () => fetchJson<FleetView>(`${server.url}/api/fleet`);
      const atServer = async () =>
        (await fleet()).devices[0]?.reported?.alarms?.filter((alarm) => alarm.code === CODE) ?? [];

      await waitFor(async () => (await shown()).length === 1, WAIT_MS, 'the alarm on the page');
      await waitFor(async () => (await atServer()).length === 1, WAIT_MS, 'the alarm at the server');
      expect((await shown())[0]).toMatchObject({
        severity: 'warning',
        text: 'The certificate of this device ends in 10 days, and its renewal has not succeeded.',
        next: expect.stringMatching(/^Check that this device reaches sync\.identity\.server/),
      });
      expect(await gauge()).toHaveLength(1);
      expect(await device.counted('ENROLMENT_FAILED')).toBeGreaterThan(0);
      const before = identity.endsAtMs;

      // The server is in reach again, and the next connection finds that out.
      await proxyTo(server.url, apiPort);
      broker.cut();
      await waitFor(async () => (await shown()).length === 0, WAIT_MS, 'the page to be calm');
      await waitFor(async () => (await atServer()).length === 0, WAIT_MS, 'the server to be calm');
      expect(identity.endsAtMs - before).toBeGreaterThan(79 * DAY_MS);
      expect(await gauge()).toEqual([]);
      const told = (await fleet()).events.filter(({ kind }) => kind === CODE);
      expect(told.map(({ severity }) => severity)).toEqual(['info', 'warning']);
    },
    testTimeoutMs,
  );
});
