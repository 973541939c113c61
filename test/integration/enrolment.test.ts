/** A device from its one-time code to its revocation, against a real server with its TLS broker. */
import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { DeviceIdentity } from '../../agent/sync/device-identity.ts';
import { clientIdOf, topics } from '../../protocol/topics.ts';
import { parseServerConfig } from '../../sync-server/config/load.ts';
import { type RunningServer, startServer } from '../../sync-server/main.ts';
import { connected } from '../support/mqtt-connected.ts';
import { temporaryFolder } from '../sync-server/support.ts';

// A whole server, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

const DAY_MS = 86_400_000;

async function serverWithTls(): Promise<RunningServer> {
  const folder = temporaryFolder();
  const server = await startServer(
    parseServerConfig(
      {
        dataDir: 'data',
        broker: { kind: 'embedded', port: 0, tls: { host: '127.0.0.1', port: 0, names: ['127.0.0.1'] } },
        http: { port: 0 },
        log: { level: 'fatal' },
      },
      folder,
    ),
  );
  onTestFinished(() => server.stop());
  return server;
}

async function post<T>(url: string): Promise<T> {
  const response = await fetch(url, { method: 'POST' });
  expect(response.ok).toBe(true);
  return (await response.json()) as T;
}

async function invite(server: RunningServer, device: string): Promise<string> {
  return (await post<{ code: string }>(`${server.url}/api/devices/${device}/invitation`)).code;
}

function identityOf(server: RunningServer, device: string, nowMs = Date.now()) {
  const folder = temporaryFolder();
  const clock = { wallMs: () => nowMs };
  const deps = { device, folder, server: server.url, clock, onFailure: () => undefined };
  return { folder, deps, identity: new DeviceIdentity(deps) };
}

const as = (identity: DeviceIdentity) => ({ clientId: clientIdOf('mill-1'), ...identity.tls() });

it('lets a device in by a code, once, and by its certificate until it is revoked', async () => {
  const server = await serverWithTls();
  expect(server.brokerUrl).toMatch(/^mqtts:/);
  const { identity, folder } = identityOf(server, 'mill-1');
  expect(() => identity.tls()).toThrow('no certificate');
  expect(identity.knownEndMs).toBeNull();
  const code = await invite(server, 'mill-1');
  await identity.enrol(code);
  expect(statSync(join(folder, 'identity.pem')).mode & 0o077).toBe(0);
  identity.tls();
  expect(identity.knownEndMs).toBe(identity.endsAtMs);
  await expect(identity.enrol(code)).rejects.toMatchObject({ code: 'ENROLMENT_FAILED' });

  const client = await connected(server.brokerUrl, as(identity));
  await client.publishAsync(topics.gone('mill-1'), '', { qos: 1, retain: true });
  const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
  expect(await post(`${server.url}/api/devices/mill-1/revocation`)).toEqual({ revoked: 1 });
  await closed;
  await expect(connected(server.brokerUrl, as(identity))).rejects.toThrow();

  await identity.enrol(await invite(server, 'mill-1'));
  await connected(server.brokerUrl, as(identity));
  const audit = (await (await fetch(`${server.url}/api/audit`)).json()) as { entries: { action: string }[] };
  expect(audit.entries.map(({ action }) => action).reverse()).toEqual([
    'device-invited',
    'device-enrolled',
    'device-revoked',
    'device-invited',
    'device-enrolled',
  ]);
});

it('renews a certificate near its end by a new key, and keeps the old one good until then', async () => {
  const server = await serverWithTls();
  const { identity, folder, deps } = identityOf(server, 'mill-1');
  await identity.enrol(await invite(server, 'mill-1'));
  const before = readFileSync(join(folder, 'identity.pem'), 'utf8');
  expect(await identity.renewInTime()).toBe(false);

  const later = new DeviceIdentity({ ...deps, clock: { wallMs: () => Date.now() + 61 * DAY_MS } });
  expect(await later.renewInTime()).toBe(true);
  const after = readFileSync(join(folder, 'identity.pem'), 'utf8');
  const [old, renewed] = [new X509Certificate(before), new X509Certificate(after)];
  expect(renewed.publicKey.equals(old.publicKey)).toBe(false);
  await connected(server.brokerUrl, as(identity));

  await post(`${server.url}/api/devices/mill-1/revocation`);
  await expect(later.renewInTime()).rejects.toMatchObject({ code: 'ENROLMENT_FAILED' });
});

it('gives a code to one device and believes one server', async () => {
  const [server, other] = [await serverWithTls(), await serverWithTls()];
  const code = await invite(server, 'mill-1');
  await expect(identityOf(server, 'mill-2').identity.enrol(code)).rejects.toThrow('not invited');
  await expect(identityOf(other, 'mill-1').identity.enrol(code)).rejects.toThrow('not invited');
  const [mine, theirs] = [
    Buffer.from(code, 'base64url'),
    Buffer.from(await invite(other, 'mill-1'), 'base64url'),
  ];
  // A server in the middle that knows the secret still cannot put its own authority in.
  const mixed = Buffer.concat([theirs.subarray(0, 16), mine.subarray(16)]).toString('base64url');
  await expect(identityOf(other, 'mill-1').identity.enrol(mixed)).rejects.toThrow(
    'not the one that made the code',
  );
  await expect(identityOf(server, 'mill-1').identity.enrol('short')).rejects.toMatchObject({
    code: 'ENROLMENT_CODE_INVALID',
  });
});
