import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { hashPin } from '../../../agent/http/operator-pin.ts';
import { DeviceProcess } from '../../faults/support/device-process.ts';
import { newFolder } from '../../faults/support/scene.ts';
import { runAndon } from '../run-andon.ts';

// Processes of their own, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 });

const SAMPLES = 2000;

describe('andon store', () => {
  it('copies, looks over and writes out the store of a running agent, for whoever has its PIN', async () => {
    const folder = newFolder();
    const pinFile = join(folder, 'pin');
    writeFileSync(pinFile, hashPin('4711'));
    const device = new DeviceProcess(folder, { samples: SAMPLES, http: { pinFile } });
    await device.start();
    await device.unsentAtLeast(SAMPLES);
    const agent = ['--agent', device.url, '--pin', '4711'];
    const backup = join(folder, 'backup.db');

    const stranger = await runAndon('store', 'backup', backup, '--agent', device.url, '--pin', '0000');
    expect([stranger.code, existsSync(backup)]).toEqual([1, false]);
    const made = await runAndon('store', 'backup', backup, ...agent);
    expect(made).toMatchObject({ code: 0, stdout: expect.stringContaining('To look it over') });
    expect(readdirSync(device.dataDir).filter((name) => name.includes('download'))).toEqual([]);
    const again = await runAndon('store', 'backup', backup, ...agent);
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('--replace') });

    const verified = await runAndon('store', 'verify', backup, '--json');
    expect(JSON.parse(verified.stdout)).toMatchObject({
      sound: true,
      streams: [{ records: SAMPLES }, {}, {}, {}],
    });
    const running = await runAndon('store', 'verify', ...agent);
    expect(running).toMatchObject({ code: 0, stdout: expect.stringContaining('is sound') });

    const output = join(folder, 'out.csv');
    const exported = await runAndon('store', 'export', output, ...agent);
    expect(exported.stdout).toContain('Wrote 2,000 predictions');
    expect(readFileSync(output, 'utf8').trim().split('\n')).toHaveLength(SAMPLES + 1);
    const restored = await runAndon('store', 'restore', backup, '--data', device.dataDir);
    expect(restored).toMatchObject({ code: 1, stderr: expect.stringContaining('Stop the other agent') });
  });

  it('says in its exit code that a store is not sound', async () => {
    const folder = newFolder();
    const device = new DeviceProcess(folder, { samples: SAMPLES });
    await device.start();
    await device.unsentAtLeast(SAMPLES);
    await device.end();
    const bytes = readFileSync(device.database);
    writeFileSync(device.database, bytes.fill(0, bytes.length - 3 * 4096));
    const { code, stdout } = await runAndon('store', 'verify', device.database);
    expect([code, stdout]).toEqual([1, expect.stringContaining('is not sound')]);
  });
});
