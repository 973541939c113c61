/** The commands of trust as a person gives them, against a real server, with every byte that leaves the machine looked at. */
import { cpSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { readPackageFolder } from '../../cli/package-folder.ts';
import { signingKeyFromPem } from '../../protocol/keys.ts';
import { serverConfigSchema } from '../../sync-server/config/schema.ts';
import { startServer } from '../../sync-server/main.ts';
import { newFolder } from '../faults/support/scene.ts';
import type { Finished } from '../support/finished-process.ts';
import { runAndon } from './run-andon.ts';

// Each command is a process of its own, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 });

const SHIPPED = fileURLToPath(new URL('../../models/milling-failure/1', import.meta.url));
let folder: string;
let keys: string;
beforeEach(() => {
  folder = newFolder();
  keys = join(folder, 'keys');
});

function packageCopy(name = 'package'): string {
  const copy = join(folder, name);
  cpSync(SHIPPED, copy, { recursive: true });
  return copy;
}

async function startRealServer() {
  const config = {
    dataDir: join(folder, 'server'),
    broker: { kind: 'embedded', port: 0 },
    http: { port: 0 },
    log: { level: 'fatal' },
  };
  const server = await startServer(serverConfigSchema.parse(config));
  onTestFinished(() => server.stop());
  return server;
}

/** Between the commands and the server: keeps what was sent. */
async function startRecorder(target: string): Promise<{ url: string; sent: Buffer[] }> {
  const sent: Buffer[] = [];
  const recorder = createServer(async (request, response) => {
    const parts: Buffer[] = [Buffer.from(`${request.url}${JSON.stringify(request.headers)}`)];
    for await (const part of request) parts.push(part as Buffer);
    sent.push(...parts);
    const method = request.method ?? 'GET';
    const body = Buffer.concat(parts.slice(1));
    const answer = await fetch(`${target}${request.url}`, {
      method,
      headers: contentType(request.headers),
      ...(method === 'GET' ? {} : { body }),
    });
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text());
  });
  await new Promise<void>((resolve) => recorder.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void recorder.close());
  return { url: `http://127.0.0.1:${(recorder.address() as AddressInfo).port}`, sent };
}

function contentType(headers: IncomingHttpHeaders): Record<string, string> {
  const type = headers['content-type'];
  return type === undefined ? {} : { 'content-type': type };
}

describe('the commands of trust', () => {
  it('make keys, sign, publish, rotate and show, and never send a private key', async () => {
    const server = await startRealServer();
    const { url, sent } = await startRecorder(server.url);
    const andon = (...args: string[]): Promise<Finished> => runAndon('--server', url, ...args);
    expect(await andon('keys', 'show')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/No root is published yet/),
    });
    expect(await andon('keys', 'init', keys)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/Keep them secret/),
    });
    const secrets = readdirSync(join(keys, 'private')).map((name) => join(keys, 'private', name));
    for (const file of secrets) expect(statSync(file).mode & 0o777).toBe(0o600);

    const model = packageCopy();
    const unsigned = await andon('publish', model, '--keys', keys);
    expect(unsigned).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/not on the signed list.*\n {2}Let the holder/),
    });
    expect(await andon('sign', model, '--keys', keys)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Signed milling-failure 1/),
    });
    expect(await andon('publish', model, '--keys', keys)).toMatchObject({ code: 0 });
    expect(await andon('keys', 'show')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Root 1, list 2, timestamp \d+\./),
    });

    expect(await andon('keys', 'rotate', 'root', '--keys', keys)).toMatchObject({ code: 0 });
    expect(await andon('unsign', 'milling-failure@1', '--keys', keys)).toMatchObject({ code: 0 });
    expect(await andon('keys', 'publish', '--keys', keys)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Root 2, list 3/),
    });
    expect(await andon('publish', model)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/not on the signed list/),
    });

    const all = Buffer.concat(sent);
    expect(all.includes('root.json')).toBe(true);
    expect(all.includes('PRIVATE')).toBe(false);
    for (const name of readdirSync(join(keys, 'private'))) {
      const key = signingKeyFromPem(readFileSync(join(keys, 'private', name), 'utf8'));
      const seed = Buffer.from(key.privateKey.export({ format: 'jwk' }).d ?? '', 'base64url');
      expect(seed).toHaveLength(32);
      for (const spelling of [
        seed,
        seed.toString('hex'),
        seed.toString('base64'),
        seed.toString('base64url'),
      ]) {
        expect(all.includes(spelling), name).toBe(false);
      }
    }
  });

  it('sign in two steps where two of three holders must', async () => {
    const publicKey = { publicKey: 'ab'.repeat(32) };
    const serverKey = join(folder, 'server-public.json');
    writeFileSync(serverKey, JSON.stringify(publicKey));
    const quorum = ['--release-keys', '3', '--release-threshold', '2'];
    const never = await runAndon('keys', 'init', keys, '--server-key', serverKey, '--root-threshold', '2');
    expect(never).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/2 of 1 root keys can never sign/),
    });
    expect(await runAndon('keys', 'init', keys, '--server-key', serverKey, ...quorum)).toMatchObject({
      code: 0,
    });
    const holders = readdirSync(join(keys, 'private')).filter((name) => name.startsWith('release'));
    const away = join(folder, 'holders');
    cpSync(join(keys, 'private'), away, { recursive: true });
    for (const name of holders)
      writeFileSync(join(keys, 'private', name), readFileSync(join(keys, 'private', holders[0] ?? '')));
    const model = packageCopy();
    const first = await runAndon('sign', model, '--keys', keys);
    expect(first.stdout).toMatch(/The list has 1 of 2 signatures: let another holder sign it\./);
    const half = await runAndon('verify', model, '--metadata', join(keys, 'metadata'));
    expect(half).toMatchObject({ code: 1, stderr: expect.stringMatching(/1 of 2 targets signatures/) });
    const second = await runAndon('sign', '--keys', keys, '--key', join(away, holders[1] ?? ''));
    expect(second).toMatchObject({ code: 0, stdout: '' });
    const whole = await runAndon('verify', model, '--metadata', join(keys, 'metadata'));
    expect(whole).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/milling-failure 1 is whole and on the signed list/),
    });
  });

  it('verify the shipped packages by the shipped list, and tell what is wrong with others', async () => {
    expect(await runAndon('verify', SHIPPED)).toMatchObject({ code: 0 });
    const other = packageCopy();
    writeFileSync(join(other, 'manifest.json'), `${readFileSync(join(other, 'manifest.json'), 'utf8')} `);
    expect(await runAndon('verify', other)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/another package than the one on the signed list/),
    });
    writeFileSync(join(other, 'model.onnx'), 'another model');
    expect(await runAndon('verify', other)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/"model.onnx" is not the file/),
    });
    expect(await runAndon('sign', other, '--keys', keys)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/"model.onnx" is not the file/),
    });
  });

  it.each<[string, string[], RegExp]>([
    ['a role that nobody has', ['keys', 'rotate', 'operator', '--keys', 'x'], /"operator" is no role/],
    ['a folder that is none', ['sign', SHIPPED, '--keys', '/nowhere'], /root\.json cannot be read/],
    [
      'a server that is not there',
      ['--server', 'http://127.0.0.1:9', 'keys', 'show'],
      /No Andon server answers/,
    ],
  ])('refuse %s in a sentence', async (_, args, words) => {
    expect(await runAndon(...args)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(words),
    });
  });
});

describe('reading a package folder', () => {
  it('leaves hidden files out and says what is not a package', () => {
    const copy = packageCopy('hidden');
    writeFileSync(join(copy, '.DS_Store'), 'x');
    expect([...readPackageFolder(copy).keys()]).not.toContain('.DS_Store');
    expect(() => readPackageFolder(folder)).toThrow(expect.objectContaining({ code: 'FOLDER_UNREADABLE' }));
    expect(() => readPackageFolder(join(folder, 'none'))).toThrow(/cannot be read \(ENOENT\)/);
  });
});
