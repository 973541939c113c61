/** Promise 3: a broker's PUBACK proves nothing, and neither does what it says in the server's name. */
import { expect, it, onTestFinished } from 'vitest';
import { waitFor } from '../support/processes.ts';
import { DeviceProcess } from './support/device-process.ts';
import { tabulate } from './support/fault-table.ts';
import { restartsTimeoutMs, seededRandom, times } from './support/form.ts';
import { positionReached, predictionsDropped } from './support/ledger.ts';
import { LyingBroker } from './support/lying-broker.ts';
import { endExactlyOnce } from './support/outcome.ts';
import { newFolder } from './support/scene.ts';
import { ServerProcess } from './support/server-process.ts';

const LIES = times(60, 500);
/** Twenty plates a millisecond: more than one batch on the way at once. */
const PACE = { speed: 'scaled', scale: 20 };

it(
  'hands on every plate exactly once through a broker that loses, delays, repeats and forges',
  async () => {
    const folder = newFolder();
    const broker = await new LyingBroker(seededRandom(400)).start();
    onTestFinished(() => broker.stop());
    const server = await ServerProcess.start(folder, broker.url);
    const options = { source: PACE, broker: broker.url };
    const device = new DeviceProcess(folder, options);
    await device.start();
    await waitFor(
      () => broker.told >= LIES,
      restartsTimeoutMs,
      () => `${LIES} lies; ${broker.told} are told`,
    );
    broker.becomeHonest();
    // Past what was forged as acknowledged: the server asks for it with the next honest batch.
    await server.receivedAll(device.id, await device.lastSeq(), restartsTimeoutMs);
    const refusedAcks = await device.counted('ACK_REFUSED');
    expect(refusedAcks).toBeGreaterThan(0);
    const { refused } = await server.fleet();
    expect(await device.end()).toBe(0);
    // Its replay would go on for ever: the same device again, which has only the rest to send.
    const made = positionReached(device.database);
    const rest = new DeviceProcess(folder, { ...options, samples: made });
    await rest.start();
    await server.receivedAll(device.id, made, restartsTimeoutMs);
    const outcome = await endExactlyOnce(rest, { made, server });
    expect(predictionsDropped(rest.database)).toBe(0);
    const { lost, late, repeated, forged } = broker.lies;
    await tabulate({
      fault: '5 broker that lies after its PUBACK',
      times: broker.told,
      ...outcome,
      seen: `batches and acknowledgements: ${lost} lost, ${late} late and in another order, ${repeated} three times more, ${forged} acknowledgements forged; ACK_REFUSED ${refusedAcks}, BATCH_GAP ${refused.BATCH_GAP ?? 0}`,
    });
  },
  restartsTimeoutMs,
);
