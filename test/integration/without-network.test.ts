/** A device that never had a network gets a model by stick: the same proof, the same self-test, the same way back. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { hashPin, PIN_HEADER } from '../../agent/http/operator-pin.ts';
import { decodeBundle, encodeBundle } from '../../protocol/bundle.ts';
import { runAndon } from '../cli/run-andon.ts';
import { DeviceProcess } from '../faults/support/device-process.ts';
import { testTimeoutMs } from '../faults/support/form.ts';
import { newFolder } from '../faults/support/scene.ts';
import { ServerProcess } from '../faults/support/server-process.ts';
import { TINY_EVERY_MS, tinySamplesCsv } from '../faults/support/tiny-samples.ts';
import { hashOf, makePackage, writePackage } from '../support/packages.ts';
import { waitFor } from '../support/processes.ts';
import { DAY_MS, TestTeam } from '../support/trust.ts';

const PIN = '2718';

/** @param slot more of the slot's config */
async function scene(slot: object = {}) {
  const folder = newFolder();
  mkdirSync(folder, { recursive: true });
  const pinFile = join(folder, 'pin.json');
  writeFileSync(pinFile, hashPin(PIN), { mode: 0o600 });
  const champion = makePackage({ version: 1 });
  const next = makePackage({ version: 2, graph: { weights: [[2, -1]] } });
  const team = new TestTeam().sign(champion);
  const device = new DeviceProcess(folder, {
    everyMs: TINY_EVERY_MS,
    csv: tinySamplesCsv(1),
    slot: {
      model: writePackage(join(folder, 'champion'), champion),
      probation: { predictions: 20, forMs: 0 },
      ...slot,
    },
    metadata: team.writeMetadata(join(folder, 'metadata')),
    http: { pinFile },
  });
  await device.start();
  const bring = async (bundle: Buffer, pin: string | null = PIN, query = '') => {
    const response = await fetch(`${device.url}/api/install${query}`, {
      method: 'POST',
      headers: { 'content-type': 'application/octet-stream', ...(pin !== null && { [PIN_HEADER]: pin }) },
      body: Uint8Array.from(bundle),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const runs = async (files: ReadonlyMap<string, Buffer>, state: string) => {
    let install: unknown;
    await waitFor(
      async () => {
        const slot = (await device.status()).slots[0];
        install = slot?.install;
        return slot?.champion?.manifestSha256 === hashOf(files) && slot.install?.state === state;
      },
      30_000,
      () => `the model to be ${state}; it is ${JSON.stringify(install)}`,
    );
  };
  return { folder, team, champion, next, device, bring, runs };
}

describe('a device without a network', () => {
  it(
    'installs what a person brings, keeps it over a kill, and says who brought it',
    async () => {
      const { folder, team, champion, next, device, runs } = await scene();
      await runs(champion, 'committed');
      const file = join(folder, 'stick.andon');
      writeFileSync(file, encodeBundle({ files: next, metadata: team.sign(next).bundle() }));
      const ran = await runAndon('install', file, '--agent', device.url, '--pin', PIN);
      expect(ran).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('is on the device and wanted in'),
      });
      await runs(next, 'committed');
      const { events } = await device.status();
      expect(events.map(({ kind }) => kind)).toContain('model-brought');

      await device.kill();
      await device.start();
      await runs(next, 'committed');
    },
    testTimeoutMs,
  );

  it(
    'refuses whatever does not prove itself, each with its code, and goes on',
    async () => {
      const { team, champion, next, device, bring, runs } = await scene();
      const good = encodeBundle({ files: next, metadata: team.sign(next).bundle() });
      const stranger = new TestTeam().sign(next);
      const other = makePackage({ version: 2, graph: { weights: [[9, 9]] } });
      const cases: [string, Promise<{ status: number; body: Record<string, unknown> }>, number, string][] = [
        ['without a PIN', bring(good, null), 401, 'PIN_WRONG'],
        ['with a wrong PIN', bring(good, '0000'), 401, 'PIN_WRONG'],
        ['cut short', bring(good.subarray(0, 2000)), 422, 'PAYLOAD_MALFORMED'],
        ['for a slot that is not there', bring(good, PIN, '?slot=nowhere'), 404, 'SLOT_UNKNOWN'],
        [
          'signed by a stranger',
          bring(encodeBundle({ files: next, metadata: stranger.bundle() })),
          422,
          'TRUST_WRONG_ROLE',
        ],
        [
          'with another package under a signed name',
          bring(encodeBundle({ files: other, metadata: team.bundle() })),
          422,
          'TARGET_MISMATCH',
        ],
        [
          'that lay in a drawer for too long',
          bring(encodeBundle({ files: next, metadata: team.bundle({ nowMs: Date.now() - 30 * DAY_MS }) })),
          422,
          'TRUST_EXPIRED',
        ],
        [
          'with a file changed',
          bring(
            encodeBundle({
              files: new Map([...next, ['golden.json', Buffer.from('{"samples":[]}')]]),
              metadata: team.bundle(),
            }),
          ),
          422,
          'PACKAGE_HASH_MISMATCH',
        ],
      ];
      for (const [about, answer, status, code] of cases) {
        expect(await answer, about).toMatchObject({ status, body: { code, hint: expect.anything() } });
      }
      await runs(champion, 'committed');
      expect((await bring(good)).status).toBe(200);
      await runs(next, 'committed');
      expect(device.pid).toBeGreaterThan(0);
    },
    testTimeoutMs,
  );

  it(
    'comes back by itself from a model that fails at work, as from one of the server',
    async () => {
      // It would be found out while it looks on.
      const { team, champion, bring, runs, device } = await scene({ selfTest: { shadowSamples: 0 } });
      const bad = makePackage({ version: 3, graph: { kind: 'sqrt', weights: [[-1, 0]] } });
      const bundle = encodeBundle({ files: bad, metadata: team.sign(bad).bundle() });
      expect((await bring(bundle)).status).toBe(200);
      await runs(champion, 'rolled-back');
      const told = async () => (await device.status()).events.map(({ kind }) => kind);
      await waitFor(async () => (await told()).includes('model-rolled-back'), 5000, 'the event of it');
    },
    testTimeoutMs,
  );
});

it(
  'a bundle is made from what the server has signed, and holds nothing else',
  async () => {
    const folder = newFolder();
    const server = await ServerProcess.start(folder);
    onTestFinished(async () => void (await server.end()));
    const keys = join(folder, 'keys');
    const model = join('models', 'steel-surface', '1');
    const to = ['--server', server.url];
    const bundle = (from: string, file: string) => runAndon(...to, 'bundle', from, '-o', file);
    const early = await bundle(model, join(folder, 'early.andon'));
    expect(early).toMatchObject({ code: 1, stderr: expect.stringContaining('no signed metadata yet') });
    for (const command of [
      ['keys', 'init', keys],
      ['sign', model, '--keys', keys],
      ['keys', 'publish', '--keys', keys],
    ]) {
      expect(await runAndon(...to, ...command)).toMatchObject({ code: 0 });
    }
    const other = await bundle(join('models', 'milling-failure', '1'), join(folder, 'other.andon'));
    expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining('not on the signed list') });
    const file = join(folder, 'steel.andon');
    expect(await bundle(model, file)).toMatchObject({ code: 0 });
    const { files, metadata } = decodeBundle(readFileSync(file));
    expect([...metadata.keys()].sort()).toEqual([
      '1.root.json',
      'snapshot.json',
      'targets.json',
      'timestamp.json',
    ]);
    expect(files.get('model.onnx')).toEqual(readFileSync(join(model, 'model.onnx')));
  },
  testTimeoutMs,
);
