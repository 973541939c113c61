/** Signed metadata come with a desired state, whoever names them; what the server's key did not name stands back. */
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { generateSigningKey, sealEnvelope, sha256Hex } from '../../../protocol/keys.ts';
import type { Desired, TrustRef } from '../../../protocol/messages.ts';
import { topics } from '../../../protocol/topics.ts';
import { describeWithEachBroker, type TestBroker } from '../../support/brokers.ts';
import { chunked } from '../../support/chunks.ts';
import { waitFor } from '../../support/wait-for.ts';
import { TestDevice } from './device.ts';
import { FakeServer } from './fake-server.ts';

const id = 'press-1';

function desired(generation: number, device = id): Desired {
  return { v: 1, device, generation, issuedAtMs: 1, slots: {} };
}

describeWithEachBroker('the signed metadata', (startBroker) => {
  let broker: TestBroker;
  let server: FakeServer;
  let device: TestDevice;
  let seen: number[];

  beforeEach(async () => {
    broker = await startBroker();
    server = await new FakeServer().start(broker.url);
    device = new TestDevice({ broker: broker.url, team: server.team });
    seen = [];
    device.sync.onDesired(({ generation }) => seen.push(generation));
    await device.sync.start();
    await waitFor('up', () => device.sync.status().connected);
  });

  afterEach(async () => {
    await device.stop();
    await server.stop();
    await broker.stop();
  });

  const reportedTrust = () => server.reported.at(-1)?.trust;
  const goesBy = ({ indexSha256 }: TrustRef) =>
    waitFor('the device says that it goes by them', () => reportedTrust()?.indexSha256 === indexSha256);
  const nowhere = (): TrustRef => ({ indexSha256: sha256Hex(randomBytes(8)), sizeBytes: 5000 });
  const asked = (sha256: string) => server.wants.some(({ chunks }) => chunks.includes(sha256));

  it('that a desired state names are fetched, taken and reported', async () => {
    const ref = await server.publishTrust();
    await server.publishDesired(desired(1));
    await goesBy(ref);
    expect(reportedTrust()).toMatchObject({ root: 1, targets: server.team.listVersion });
    expect(seen).toEqual([1]);
  });

  it('tell of the server’s new key, whose state is taken then, and not before', async () => {
    server.team.rotate('server');
    const packed = chunked(server.team.bundle());
    server.trust = { indexSha256: packed.indexSha256, sizeBytes: packed.sizeBytes };
    await server.publishDesired(desired(1));
    await waitFor('refused as yet', () => device.counters.get('SIGNATURE_UNTRUSTED') === 1);
    expect(seen).toEqual([]);
    await server.publishChunks(packed);
    await waitFor('taken', () => seen.length === 1);
    expect(device.counters.get('SIGNATURE_UNTRUSTED')).toBe(1);
  });

  it('that a stranger names do not take the place of those that the server named', async () => {
    const packed = chunked(server.team.bundle());
    server.trust = { indexSha256: packed.indexSha256, sizeBytes: packed.sizeBytes };
    await server.publishDesired(desired(1));
    await waitFor('on its way', () => asked(packed.indexSha256));
    const hostile = nowhere();
    await server.publish(topics.desired(id), sealEnvelope(generateSigningKey(), desired(9), hostile));
    await waitFor('refused', () => device.counters.get('SIGNATURE_UNTRUSTED') === 1);
    await server.publishChunks(packed);
    await goesBy(packed);
    expect(asked(hostile.indexSha256)).toBe(false);
  });

  it.each<[string, (ref: TrustRef) => Buffer, string]>([
    [
      'was altered',
      (ref) =>
        Buffer.from(
          String(sealEnvelope(server.key, desired(1), ref)).replace('generation\\":1', 'generation\\":2'),
        ),
      'SIGNATURE_INVALID',
    ],
    [
      'is for another device',
      (ref) => sealEnvelope(server.key, desired(1, 'press-2'), ref),
      'DESIRED_REFUSED',
    ],
  ])('are not even asked for when the state that names them %s', async (_, message, code) => {
    const hostile = nowhere();
    await server.publish(topics.desired(id), message(hostile));
    await waitFor('refused', () => device.counters.get(code) === 1);
    const ref = await server.publishTrust();
    await server.publishDesired(desired(1));
    await goesBy(ref);
    expect(asked(hostile.indexSha256)).toBe(false);
  });

  it('are still known after a restart of the agent', async () => {
    const ref = await server.publishTrust();
    await server.publishDesired(desired(1));
    await goesBy(ref);
    server.reported.length = 0;
    server.wants.length = 0;
    await device.restart();
    await goesBy(ref);
    expect(server.wants).toEqual([]);
  });
});
