/** Promise 8: a device that was off for weeks needs nothing but the newest desired state and what that one names. */
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Desired } from '../../../protocol/messages.ts';
import { topics } from '../../../protocol/topics.ts';
import { describeWithEachBroker } from '../../support/brokers.ts';
import { waitFor } from '../../support/wait-for.ts';
import { hashesOf, type Published, published } from './fetching-device.ts';
import { type SyncRig, startSyncRig } from './sync-rig.ts';

const MODEL_BYTES = 300_000;

function version(n: number): Published {
  return published(
    new Map([
      ['manifest.json', Buffer.from(`{"version":${n}}`)],
      ['model.onnx', randomBytes(MODEL_BYTES)],
    ]),
  );
}

describeWithEachBroker('a device that was off for weeks', (startBroker) => {
  let rig: SyncRig;

  beforeEach(async () => {
    rig = await startSyncRig(startBroker);
  });
  afterEach(() => rig.stop());

  async function release(generation: number, { chunked, ref }: Published, before?: Published): Promise<void> {
    // As the server does it: what no device needs any more is taken back.
    for (const sha256 of before?.chunked.chunks.keys() ?? []) {
      await rig.server.publish(topics.chunk(sha256), '', true);
    }
    await rig.server.publishChunks(chunked);
    const desired: Desired = {
      v: 1,
      device: rig.device.id,
      generation,
      issuedAtMs: generation,
      slots: { inspect: { champion: ref, challenger: null } },
    };
    await rig.server.publishDesired(desired);
  }

  it('takes the newest model alone, though many came and went and the broker was new meanwhile', async () => {
    const generations: number[] = [];
    rig.device.sync.onDesired(({ generation }) => generations.push(generation));
    const first = version(1);
    await release(1, first);
    await rig.device.sync.start();
    await waitFor('the first state', () => generations.length > 0);
    await rig.device.sync.fetchPackage(first.ref);
    await rig.device.sync.stop();

    let newest = first;
    for (let n = 2; n <= 8; n++) {
      const next = version(n);
      await release(n, next, newest);
      newest = next;
      if (n === 4) {
        await rig.broker.restart();
        await rig.server.publishChunks(newest.chunked);
      }
    }
    const bytesBefore = rig.proxy.bytesDown;
    await rig.device.restart();
    await waitFor('the newest state', () => rig.server.reported.at(-1)?.generation === 8);
    expect(hashesOf(await rig.device.sync.fetchPackage(newest.ref))).toEqual(hashesOf(newest.files));
    expect(rig.proxy.bytesDown - bytesBefore).toBeLessThan(1.1 * MODEL_BYTES);
    expect(rig.device.counters.snapshot()).toEqual({});
  });
});
