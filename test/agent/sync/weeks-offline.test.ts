/** Promise 8: a device that was off for weeks needs nothing but the newest desired state and what that one names. */
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Desired } from '../../../protocol/messages.ts';
import { topics } from '../../../protocol/topics.ts';
import { describeWithEachBroker, type TestBroker } from '../../support/brokers.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import { waitFor } from '../../support/wait-for.ts';
import { TestDevice } from './device.ts';
import { FakeServer } from './fake-server.ts';
import { hashesOf, type Published, published } from './fetching-device.ts';

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
  let broker: TestBroker;
  let proxy: TcpProxy;
  let server: FakeServer;
  let device: TestDevice;

  beforeEach(async () => {
    broker = await startBroker();
    proxy = await new TcpProxy(broker.port).start();
    server = await new FakeServer().start(broker.url);
    device = new TestDevice({ broker: proxy.url, team: server.team });
  });
  afterEach(async () => {
    await device.stop();
    await server.stop();
    await proxy.stop();
    await broker.stop();
  });

  async function release(generation: number, { chunked, ref }: Published, before?: Published): Promise<void> {
    // As the server does it: what no device needs any more is taken back.
    for (const sha256 of before?.chunked.chunks.keys() ?? []) {
      await server.publish(topics.chunk(sha256), '', true);
    }
    await server.publishChunks(chunked);
    const desired: Desired = {
      v: 1,
      device: device.id,
      generation,
      issuedAtMs: generation,
      slots: { inspect: { champion: ref, challenger: null } },
    };
    await server.publishDesired(desired);
  }

  it('takes the newest model alone, though many came and went and the broker was new meanwhile', async () => {
    const generations: number[] = [];
    device.sync.onDesired(({ generation }) => generations.push(generation));
    const first = version(1);
    await release(1, first);
    await device.sync.start();
    await waitFor('the first state', () => generations.length > 0);
    await device.sync.fetchPackage(first.ref);
    await device.sync.stop();

    let newest = first;
    for (let n = 2; n <= 8; n++) {
      const next = version(n);
      await release(n, next, newest);
      newest = next;
      if (n === 4) {
        await broker.restart();
        await server.publishChunks(newest.chunked);
      }
    }
    const bytesBefore = proxy.bytesDown;
    await device.restart();
    await waitFor('the newest state', () => server.reported.at(-1)?.generation === 8);
    expect(hashesOf(await device.sync.fetchPackage(newest.ref))).toEqual(hashesOf(newest.files));
    expect(proxy.bytesDown - bytesBefore).toBeLessThan(1.1 * MODEL_BYTES);
    expect(device.counters.snapshot()).toEqual({});
  });
});
