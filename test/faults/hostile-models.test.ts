/** Promises 5 and 7: whatever a registry or a server sends, the champion never stops. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { FakeServer } from '../agent/sync/fake-server.ts';
import { startAedes } from '../support/brokers.ts';
import { hashOf, makePackage, writePackage } from '../support/packages.ts';
import { projectRoot, waitFor } from '../support/processes.ts';
import { DeviceProcess } from './support/device-process.ts';
import { tabulate } from './support/fault-table.ts';
import { testTimeoutMs } from './support/form.ts';
import { CRASH, hostilePackages, newVersion } from './support/hostile-packages.ts';
import { countPlates, positionReached } from './support/ledger.ts';
import { Registry } from './support/registry.ts';
import { newFolder } from './support/scene.ts';
import { TINY_EVERY_MS, tinySamplesCsv } from './support/tiny-samples.ts';
import { Watch } from './support/watch.ts';

const ENGINE_TIMEOUT_MS = 1500;
/** The promise is 1 s after the fault is noticed; a machine that runs many tests at once gets more. */
const GOES_ON_WITHIN_MS = 15_000;

it(
  'refuses or rolls back every hostile model and says why, while the champion decides on',
  async () => {
    const folder = newFolder();
    const broker = await startAedes();
    onTestFinished(() => broker.stop());
    const server = await new FakeServer().start(broker.url);
    onTestFinished(() => server.stop());
    const champion = makePackage({});
    const device = new DeviceProcess(folder, {
      broker: broker.url,
      everyMs: TINY_EVERY_MS,
      csv: tinySamplesCsv(CRASH),
      slot: {
        model: writePackage(join(folder, 'champion'), champion),
        probation: { predictions: 50, forMs: 0, maxErrorRate: 0.1 },
        // What these models do, they shall do when they decide.
        selfTest: { shadowSamples: 0 },
      },
      metadata: server.team.sign(champion).writeMetadata(join(folder, 'metadata')),
      engine: { timeoutMs: ENGINE_TIMEOUT_MS },
      env: {
        NODE_OPTIONS: `--import tsx --import ${join(projectRoot, 'test', 'support', 'crash-on-666.ts')}`,
      },
    });
    await device.start();
    await waitFor(() => server.births.length > 0, 10_000, 'the device');
    const registry = new Registry(server, device.id);

    const seen: string[] = [];
    let longestMs = 0;
    for (const hostile of hostilePackages()) {
      const about = `the package that ${hostile.name}`;
      const before = await device.counted(hostile.code);
      const watch = new Watch(device).start();
      const install = await registry.reports(
        await registry.want(hostile.files, hostile),
        hostile.state,
        about,
      );
      expect(install.reason, about).toMatch(hostile.reason);
      expect(await device.counted(hostile.code), about).toBeGreaterThan(before);
      const seq = await device.lastSeq();
      await waitFor(async () => (await device.lastSeq()) > seq, 10_000, `predictions after ${about}`);
      await watch.stop();
      const { slots, engine } = await device.status();
      expect(slots[0]?.champion?.manifestSha256, about).toBe(hashOf(champion));
      expect(engine.alive, about).toBe(true);
      expect(watch.failures, about).toEqual([]);
      expect(watch.longestStandstillMs, about).toBeLessThan(GOES_ON_WITHIN_MS);
      seen.push(`${hostile.name}: ${hostile.code}, ${hostile.state}`);
      longestMs = Math.max(longestMs, watch.longestStandstillMs);
    }
    expect(existsSync(join(device.dataDir, 'climbed-out'))).toBe(false);

    const good = newVersion({ graph: { weights: [[2, -1]] } });
    await registry.reports(await registry.want(good), 'committed', 'a good model after all that');
    const { counters } = await device.status();
    expect(await device.end()).toBe(0);
    const made = positionReached(device.database);
    const { records, doubled } = countPlates('device', device.database, made, device.id);
    expect({ answered: records + (counters.SAMPLE_DROPPED ?? 0), doubled }).toEqual({
      answered: made,
      doubled: 0,
    });
    await tabulate({
      fault: '6 hostile model packages',
      times: seen.length,
      made,
      recorded: records,
      atServer: null,
      lost: made - records - (counters.SAMPLE_DROPPED ?? 0),
      doubled,
      seen: `${seen.join('; ')}. Longest standstill ${Math.round(longestMs)} ms, SAMPLE_DROPPED ${counters.SAMPLE_DROPPED ?? 0}`,
    });
  },
  testTimeoutMs,
);
