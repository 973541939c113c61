/** Promises 2 and 3: agent, server and broker, killed at any moment, alone or at once, neither lose nor double a sample. */
import { expect, it, onTestFinished } from 'vitest';
import { describeWithMosquitto, startMosquitto } from '../support/brokers.ts';
import { DeviceProcess } from './support/device-process.ts';
import { tabulate } from './support/fault-table.ts';
import { moment, restartsTimeoutMs, seededRandom, times } from './support/form.ts';
import { predictionsDropped } from './support/ledger.ts';
import { endExactlyOnce, type Outcome, totalOf } from './support/outcome.ts';
import { newFolder } from './support/scene.ts';
import { ServerProcess } from './support/server-process.ts';

/** Of so many kills each; each plays other moments, and can be played alone. */
const SCENES = Array.from({ length: times(1, 4) }, (_, i) => i + 1);
const KILLS = times(15, 250);
/** A device replays so many plates, five a millisecond; then the next device begins. */
const SAMPLES = times(20_000, 60_000);
const PACE = { speed: 'scaled', scale: 5 };
const NEXT_KILL_WITHIN_MS = 250;
/** Of each part, in one round; a round without any takes one of them. */
const STRUCK_SHARE = 0.5;
/** Of the rounds: the next kill comes while the parts of this one still start. */
const AT_START_SHARE = 0.35;
/** Of the rounds: the next kill comes when records have come all the way again. */
const IN_FLOW_SHARE = 0.15;

interface Part {
  readonly name: 'agent' | 'server' | 'broker';
  /** SIGKILL; resolves when it runs again and before it is ready. */
  readonly strike: () => Promise<unknown>;
  readonly ready: () => Promise<unknown>;
}

describeWithMosquitto('agent, server and a broker that keeps nothing', () => {
  it.each(SCENES)(
    'deliver every plate exactly once when each of them is killed at random moments (scene %i)',
    async (scene) => {
      const random = seededRandom(100 + scene);
      const folder = newFolder();
      const broker = await startMosquitto();
      onTestFinished(() => broker.stop());
      const server = await ServerProcess.start(folder, broker.url);
      const kills = { agent: 0, server: 0, broker: 0 };
      const made = () => kills.agent + kills.server + kills.broker;
      let together = 0;
      let inFlow = 0;
      let dropped = 0;
      const outcomes: Outcome[] = [];
      while (made() < KILLS) {
        const id = `steel-${outcomes.length + 1}`;
        const device = new DeviceProcess(folder, { id, samples: SAMPLES, source: PACE, broker: broker.url });
        await device.start();
        const parts: readonly Part[] = [
          { name: 'agent', strike: () => device.kill().then(() => device.spawn()), ready: () => device.up() },
          {
            name: 'server',
            strike: () => server.kill().then(() => server.spawn()),
            ready: () => server.up(),
          },
          { name: 'broker', strike: () => broker.restart(), ready: async () => undefined },
        ];
        let received = 0;
        while (made() < KILLS && received < SAMPLES) {
          const drawn = parts.filter(() => random.uniform() < STRUCK_SHARE);
          const struck = drawn.length > 0 ? drawn : [parts[Math.floor(random.uniform() * 3)] as Part];
          await Promise.all(struck.map(({ strike }) => strike()));
          for (const { name } of struck) kills[name] += 1;
          if (struck.length > 1) together += 1;
          const how = random.uniform();
          if (how > AT_START_SHARE) await Promise.all(parts.map(({ ready }) => ready()));
          received = Math.max(received, await server.received(id));
          if (how > 1 - IN_FLOW_SHARE && received < SAMPLES) {
            await server.receivedAll(id, received + 1);
            inFlow += 1;
          }
          await moment(random.uniform() * NEXT_KILL_WITHIN_MS);
        }
        await Promise.all(parts.map(({ ready }) => ready()));
        await server.receivedAll(id, SAMPLES);
        outcomes.push(await endExactlyOnce(device, { made: SAMPLES, server }));
        dropped += predictionsDropped(device.database);
      }
      expect(dropped).toBe(0);
      await tabulate({
        fault: `1 agent, server and broker (Mosquitto, keeps nothing) killed (SIGKILL), scene ${scene} of ${SCENES.length}`,
        times: made(),
        ...totalOf(outcomes),
        seen: `agent ${kills.agent}, server ${kills.server}, broker ${kills.broker}; ${together} times more than one at once; ${inFlow} times not before records came in again; devices one after the other: ${outcomes.length}`,
      });
    },
    restartsTimeoutMs,
  );
});
