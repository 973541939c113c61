/** Promise 7 on a real agent: whatever a broker or a thief of the server's key does to what is signed, the champion never stops. */
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { FakeServer } from '../agent/sync/fake-server.ts';
import { describeWithEachBroker } from '../support/brokers.ts';
import { hashOf, makePackage, writePackage } from '../support/packages.ts';
import { waitFor } from '../support/processes.ts';
import { DeviceProcess } from './support/device-process.ts';
import { tabulate } from './support/fault-table.ts';
import { testTimeoutMs } from './support/form.ts';
import { newVersion } from './support/hostile-packages.ts';
import { endExactlyOnce } from './support/outcome.ts';
import { Registry } from './support/registry.ts';
import { newFolder } from './support/scene.ts';
import { TINY_EVERY_MS, tinySamplesCsv } from './support/tiny-samples.ts';
import { type Scene, trustAttacks } from './support/trust-attacks.ts';
import { Watch } from './support/watch.ts';

/** The longest pause that a busy machine may make of an attack; the champion itself never has one. */
const GOES_ON_WITHIN_MS = 5000;

describeWithEachBroker('a hostile server and broker', (startBroker) => {
  it(
    'is refused under the code of each attack, while the champion decides on and the next honest update goes through',
    async ({ task }) => {
      const folder = newFolder();
      const broker = await startBroker();
      onTestFinished(() => broker.stop());
      const server = await new FakeServer().start(broker.url);
      onTestFinished(() => server.stop());
      const first = makePackage({});
      const device = new DeviceProcess(folder, {
        broker: broker.url,
        everyMs: TINY_EVERY_MS,
        csv: tinySamplesCsv(1),
        slot: {
          model: writePackage(join(folder, 'champion'), first),
          probation: { predictions: 5, forMs: 0 },
          selfTest: { shadowSamples: 0 },
        },
        metadata: server.team.sign(first).writeMetadata(join(folder, 'metadata')),
      });
      await device.start();
      await waitFor(() => server.births.length > 0, 10_000, 'the device');
      const registry = new Registry(server, device.id);
      const scene: Scene = { server, registry, device: device.id, old: server.team.bundle() };
      let champion = first;
      const honest = async (after: string) => {
        champion = newVersion({});
        await registry.reports(
          await registry.want(champion),
          'committed',
          `the honest update after: ${after}`,
        );
      };
      await honest('nothing yet');

      const watch = new Watch(device).start();
      const seen: string[] = [];
      for (const { name, code, play } of trustAttacks) {
        const before = code === null ? server.wants.length : await device.counted(code);
        const seq = await device.lastSeq();
        await play(scene);
        await waitFor(
          async () => (code === null ? server.wants.length : await device.counted(code)) > before,
          15_000,
          `${code ?? 'a want'} after: ${name}\n${device.output}`,
        );
        await waitFor(async () => (await device.lastSeq()) > seq + 3, 10_000, `predictions after: ${name}`);
        expect((await device.status()).slots[0]?.champion?.manifestSha256, name).toBe(hashOf(champion));
        await honest(name);
        seen.push(`${name}: ${code ?? 'asked for again'}`);
      }
      await watch.stop();
      expect(watch.failures).toEqual([]);
      expect(watch.longestStandstillMs).toBeLessThan(GOES_ON_WITHIN_MS);
      const about = /\((.*)\)/.exec(task.suite?.name ?? '')?.[1] ?? '';
      await tabulate({
        fault: `9 hostile server and broker, one honest update after each attack (${about})`,
        times: seen.length,
        ...(await endExactlyOnce(device)),
        seen: `${seen.join('; ')}. Longest standstill ${Math.round(watch.longestStandstillMs)} ms`,
      });
    },
    testTimeoutMs,
  );
});
