/** deploy/nginx.conf before a real server: console, session, live events, API and chunks over TLS. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { chunkPackage } from '../../protocol/package-index.ts';
import { CertificateAuthority } from '../../sync-server/access/certificate-authority.ts';
import { Tokens } from '../../sync-server/access/tokens.ts';
import { systemClock } from '../../sync-server/clock.ts';
import { parseServerConfig } from '../../sync-server/config/load.ts';
import { startServer } from '../../sync-server/main.ts';
import { openServerStore } from '../../sync-server/store/server-store.ts';
import { runAndon } from '../cli/run-andon.ts';
import { freePort } from '../support/brokers.ts';
import { readFiles } from '../support/packages.ts';
import { projectRoot } from '../support/processes.ts';
import { TestTeam } from '../support/trust.ts';
import { temporaryFolder } from '../sync-server/support.ts';

vi.setConfig({ testTimeout: 120_000 });
const NAME = 'andon.example';
const NGINX = '/usr/sbin/nginx';

async function behindNginx() {
  const folder = temporaryFolder();
  chmodSync(folder, 0o755);
  const data = join(folder, 'data');
  mkdirSync(data);
  const model = fileURLToPath(new URL('../../models/milling-failure/2', import.meta.url));
  new TestTeam().sign(readFiles(model)).prepareServer(data);
  const store = openServerStore(data);
  const token = new Tokens({ store, clock: systemClock }).add('anna', 'release', null, 'test');
  store.close();
  const http = { port: await freePort(), names: [NAME] };
  const broker = { kind: 'embedded', port: 0 };
  const config = { dataDir: data, broker, http, log: { level: 'fatal' } };
  const server = await startServer(parseServerConfig(config, folder));
  onTestFinished(() => server.stop());
  const port = await freePort();
  const ca = await startNginx(folder, port, http.port);
  return { port, ca, token, model, direct: server.url };
}

/** As it ships, with other ports and certificates. @returns whom to trust */
async function startNginx(folder: string, port: number, serverPort: number): Promise<string> {
  const authority = await CertificateAuthority.open(join(folder, 'pki'), systemClock);
  const { cert, key } = await authority.issueBroker([NAME]);
  writeFileSync(join(folder, 'andon.pem'), cert);
  writeFileSync(join(folder, 'andon-key.pem'), key);
  const site = readFileSync(join(projectRoot, 'deploy', 'nginx.conf'), 'utf8')
    .replace('listen 443', `listen 127.0.0.1:${port}`)
    .replaceAll('127.0.0.1:8090', `127.0.0.1:${serverPort}`)
    .replaceAll('/etc/andon/tls', folder);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${join(folder, kind)};`,
  );
  const file = join(folder, 'nginx.conf');
  writeFileSync(
    file,
    [
      ...['daemon off;', 'master_process off;', `pid ${join(folder, 'pid')};`, 'error_log stderr crit;'],
      `events {} http { access_log off; ${temporary.join(' ')}`,
      `${site}}`,
    ].join('\n'),
  );
  const child = spawn(NGINX, ['-p', folder, '-c', file], { stdio: ['ignore', 'ignore', 'inherit'] });
  onTestFinished(async () => {
    if (child.exitCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  return authority.pem;
}

describe.skipIf(!hasNginx() && process.env.ANDON_REQUIRE_SYSTEM !== '1')('nginx before the server', () => {
  it('passes on what people and devices need, and shuts out what the server would', async () => {
    const { port, ca, token, model, direct } = await behindNginx();
    const open = async (path: string, headers: object = {}, method = 'GET', body?: string) => {
      const asked = request({
        ...{ host: '127.0.0.1', port, servername: NAME, ca, path, method },
        headers: { host: NAME, ...headers },
      });
      asked.end(body);
      const [answer] = (await once(asked, 'response')) as [IncomingMessage];
      return answer;
    };
    const ask = async (...what: Parameters<typeof open>) => {
      const answer = await open(...what);
      const chunks: Buffer[] = [];
      for await (const chunk of answer) chunks.push(chunk as Buffer);
      return { status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks) };
    };
    await vi.waitFor(async () => expect((await ask('/api/health')).status).toBe(200), 30_000);
    const by = { authorization: `Bearer ${token}` };
    const json = { 'content-type': 'application/json' };

    expect((await ask('/api/fleet')).status).toBe(401);
    expect((await ask('/api/fleet', by)).status).toBe(200);
    expect((await ask('/api/fleet', { ...by, host: 'evil.example' })).status).toBe(400);
    const signIn = (origin: string) =>
      ask('/api/session', { ...json, origin }, 'POST', JSON.stringify({ token }));
    expect((await signIn('https://evil.example')).status).toBe(400);
    const session = await signIn(`https://${NAME}`);
    expect(session.status).toBe(200);
    const [cookie = ''] = session.headers['set-cookie'] ?? [];
    expect(cookie).toContain('Secure');
    expect(session.headers['strict-transport-security']).toBeDefined();

    const live = await open('/api/live', { cookie: cookie.split(';')[0] });
    expect(live.headers['content-type']).toBe('text/event-stream');
    // It comes while the answer goes on.
    expect(String((await once(live, 'data'))[0])).toMatch(/^data: \{/);
    live.destroy();

    process.env.ANDON_TOKEN = token;
    onTestFinished(() => void delete process.env.ANDON_TOKEN);
    expect(await runAndon('--server', direct, 'publish', model)).toMatchObject({ code: 0 });
    const chunks = `/chunks/${chunkPackage(readFiles(model)).indexSha256}`;
    const part = await ask(chunks, { range: 'bytes=0-99' });
    expect(part).toMatchObject({ status: 206, headers: { 'content-length': '100' } });
    const whole = await ask(chunks);
    expect(whole.status).toBe(200);
    expect(whole.body.subarray(0, 100)).toEqual(part.body);
    expect((await ask(chunks, {}, 'DELETE')).status).toBe(403);
  });
});

function hasNginx(): boolean {
  try {
    execFileSync(NGINX, ['-v'], { stdio: 'ignore', timeout: 10_000 });
    return true;
  } catch {
    console.warn(
      'skipped "nginx before the server": it is not installed (Debian: apt-get install nginx-light)',
    );
    return false;
  }
}
