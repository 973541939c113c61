/** Promises 1 and 3: whatever the line to the broker does to packets, each record is at the server exactly once in the end. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { describeWithMosquitto, freePort, startMosquittoWith, type TestBroker } from '../support/brokers.ts';
import { DeviceProcess } from './support/device-process.ts';
import { tabulate } from './support/fault-table.ts';
import { moment, restartsTimeoutMs, seededRandom, times } from './support/form.ts';
import { positionReached, predictionsDropped } from './support/ledger.ts';
import { describeWithLossyLink, type LinkFaults, LossyLink } from './support/lossy-link.ts';
import { endExactlyOnce } from './support/outcome.ts';
import { newFolder } from './support/scene.ts';
import { ServerProcess } from './support/server-process.ts';

/** Of so many cuts each; each plays other moments, and can be played alone. */
const SCENES = Array.from({ length: times(1, 4) }, (_, i) => i + 1);
const CUTS = times(5, 50);
/** Five plates a millisecond. */
const PACE = { speed: 'scaled', scale: 5 };
const KEEPALIVE_S = 2;
const CUT_WITHIN_MS = 600;
const SHORT_CUT_MS = 1000;
/** Both sides take the connection for dead in this time. */
const LONG_CUT_MS = KEEPALIVE_S * 2000;
const LONG_SHARE = 0.1;
/** Over a bad line, with a device that waits longer before each new try. */
const FLOWS_WITHIN_MS = 90_000;
const WORST_LOSS = 0.1;
const WORST_DELAY_MS = 60;

const KINDS: readonly { readonly name: string; readonly faults: Partial<LinkFaults> }[] = [
  { name: 'interface down', faults: { cut: true } },
  { name: 'nothing passes', faults: { loss: 1 } },
  { name: 'only towards the server', faults: { oneWay: 'up' } },
  { name: 'only towards the device', faults: { oneWay: 'down' } },
  { name: 'half of the packets lost', faults: { loss: 0.5, delayMs: 100 } },
];

describeWithLossyLink('a device in a network namespace behind a bad line', () => {
  describeWithMosquitto('to Mosquitto', () => {
    it.each(SCENES)(
      'has every plate at the server exactly once after cuts, losses and partitions (scene %i)',
      async (scene) => {
        const random = seededRandom(200 + scene);
        const link = await LossyLink.make(scene);
        const folder = newFolder();
        const broker = await brokerOn(link.serverHost, folder);
        const server = await ServerProcess.start(folder, broker.url);
        const options = {
          source: PACE,
          broker: `mqtt://${link.serverHost}:${broker.port}`,
          sync: { keepaliveS: KEEPALIVE_S },
          inside: link.inside,
        };
        const device = new DeviceProcess(folder, options);
        const process = device.spawn();
        const cuts = new Map(KINDS.map(({ name }) => [name, 0]));
        for (let cut = 0; cut < CUTS; cut++) {
          const quality = { loss: random.uniform() * WORST_LOSS, delayMs: random.uniform() * WORST_DELAY_MS };
          await link.set(quality);
          await server.receivedAll(device.id, (await server.received(device.id)) + 1, FLOWS_WITHIN_MS);
          await moment(random.uniform() * CUT_WITHIN_MS);
          const kind = KINDS[cut % KINDS.length] as (typeof KINDS)[number];
          await link.set({ ...quality, ...kind.faults });
          cuts.set(kind.name, (cuts.get(kind.name) ?? 0) + 1);
          await moment(random.uniform() < LONG_SHARE ? LONG_CUT_MS : random.uniform() * SHORT_CUT_MS);
        }
        await link.set({});
        const { passed, lost } = link.counts;
        expect(lost).toBeGreaterThan(0);
        expect(await device.end()).toBe(0);
        // Its replay would go on for ever: the same device again, which has only the rest to send.
        const made = positionReached(device.database);
        const rest = new DeviceProcess(folder, { ...options, samples: made });
        rest.spawn();
        await server.receivedAll(device.id, made, FLOWS_WITHIN_MS);
        const outcome = await endExactlyOnce(rest, { made, server });
        expect(predictionsDropped(device.database)).toBe(0);
        const reconnects = process.lines.filter(({ event }) => event === 'link-down').length;
        await tabulate({
          fault: `3 line cut between device and broker (network namespace, Mosquitto), scene ${scene} of ${SCENES.length}`,
          times: CUTS,
          ...outcome,
          seen: `${[...cuts].map(([name, count]) => `${name} ${count}`).join(', ')}; ${lost.toLocaleString('en')} of ${(passed + lost).toLocaleString('en')} packets lost, the others up to ${WORST_DELAY_MS * 1.5} ms late and out of order; the device saw ${reconnects} connections break`,
        });
      },
      restartsTimeoutMs,
    );
  });
});

/** Reached by the device over its line, by the server on loopback. */
async function brokerOn(host: string, folder: string): Promise<TestBroker> {
  const port = await freePort();
  const config = join(folder, 'mosquitto.conf');
  const listeners = [host, '127.0.0.1'].map((address) => `listener ${port} ${address}`);
  writeFileSync(config, `${[...listeners, 'allow_anonymous true', 'persistence false', ''].join('\n')}`);
  const broker = await startMosquittoWith(config, port);
  onTestFinished(() => broker.stop());
  return broker;
}
