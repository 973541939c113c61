import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { Counters } from '../../../daemon/counters.ts';
import type { TrustRef } from '../../../protocol/messages.ts';
import { topics } from '../../../protocol/topics.ts';
import { systemClock } from '../../../sync-server/clock.ts';
import { ChunkPublisher } from '../../../sync-server/registry/chunk-publisher.ts';
import { Pace } from '../../../sync-server/registry/pace.ts';
import { publishPackage } from '../../../sync-server/registry/publish-package.ts';
import { ChunkFiles } from '../../../sync-server/store/chunk-files.ts';
import { chunked } from '../../support/chunks.ts';
import { makePackage } from '../../support/packages.ts';
import { TestTeam } from '../../support/trust.ts';
import {
  desiredSlot,
  reported,
  SOON,
  silentLog,
  TestClock,
  temporaryFolder,
  temporaryStore,
} from '../support.ts';

/** A broker that can be away; keeps what is retained. */
class ToyBroker {
  online = true;
  readonly retained = new Map<string, Buffer>();
  readonly sent: { topic: string; retain: boolean }[] = [];
  /** Messages that it has not acknowledged yet, now and at most. */
  waiting = 0;
  mostWaiting = 0;

  publish = async (topic: string, payload: Buffer, retain: boolean): Promise<boolean> => {
    if (!this.online) return false;
    this.waiting += 1;
    this.mostWaiting = Math.max(this.mostWaiting, this.waiting);
    await new Promise(setImmediate);
    this.waiting -= 1;
    this.sent.push({ topic, retain });
    if (retain && payload.length > 0) this.retained.set(topic, payload);
    else if (retain) this.retained.delete(topic);
    return true;
  };
}

function setUp() {
  const store = temporaryStore();
  const folder = join(temporaryFolder(), 'chunks');
  const chunkFiles = new ChunkFiles(folder);
  const clock = new TestClock();
  const counters = new Counters();
  const broker = new ToyBroker();
  const files = makePackage();
  const { model } = publishPackage(
    { store, chunkFiles, trust: new TestTeam().sign(files), clock },
    files,
    '',
    'anna',
  );
  const trust: { ref: TrustRef | undefined; chunks: string[] } = { ref: undefined, chunks: [] };
  const chunks = store.models.chunksOf(model.ref.manifestSha256);
  const create = (pace = new Pace(null, clock)) =>
    new ChunkPublisher({
      store,
      chunkFiles,
      publish: broker.publish,
      trust,
      pace,
      clock,
      counters,
      log: silentLog,
    });
  const want = () =>
    store.desired.save({
      device: 'mill-1',
      generation: 1,
      issuedAtMs: 0,
      slots: { s: desiredSlot(model.ref) },
    });
  const installed = () =>
    store.devices.saveReported(
      reported('mill-1', {
        slots: {
          s: {
            champion: { manifestSha256: model.ref.manifestSha256, title: 'x' },
            challenger: null,
            install: null,
          },
        },
      }),
    );
  return { store, folder, chunkFiles, trust, clock, counters, broker, chunks, create, want, installed };
}

describe('chunks on the broker', () => {
  it('are there while a device has yet to fetch them, and taken back then', async () => {
    const { broker, chunks, create, want, installed, store } = setUp();
    const publisher = create();
    publisher.connected();
    expect(broker.retained.size).toBe(0);
    want();
    publisher.reconcile();
    const wanted = chunks.map(topics.chunk).sort();
    await vi.waitFor(() => expect([...broker.retained.keys()].sort()).toEqual(wanted), SOON);
    installed();
    for (let i = 0; i < 100; i++) publisher.deviceReported();
    await vi.waitFor(() => expect(broker.retained.size).toBe(0), SOON);
    expect(store.models.retainedChunks()).toEqual([]);
    await publisher.stop();
  });

  it('of the signed metadata are there until each device goes by them', async () => {
    const { broker, create, want, installed, store, chunkFiles, trust } = setUp();
    const packed = chunked(new TestTeam().bundle());
    chunkFiles.writeAll(packed.chunks);
    trust.ref = { indexSha256: packed.indexSha256, sizeBytes: packed.sizeBytes };
    trust.chunks = [...packed.chunks.keys()];
    want();
    installed();
    const publisher = create();
    publisher.connected();
    const wanted = trust.chunks.map(topics.chunk).sort();
    await vi.waitFor(() => expect([...broker.retained.keys()].sort()).toEqual(wanted), SOON);
    const slots = store.devices.of('mill-1')?.reported?.slots ?? {};
    const taken = { root: 1, timestamp: 1, targets: 1, indexSha256: packed.indexSha256 };
    store.devices.saveReported(reported('mill-1', { slots, trust: taken }));
    await vi.waitFor(() => {
      publisher.deviceReported();
      expect(broker.retained.size).toBe(0);
    }, SOON);
    const before = broker.sent.length;
    publisher.answer('mill-1', trust.chunks);
    await vi.waitFor(() => expect(broker.sent).toHaveLength(before + trust.chunks.length), SOON);
    expect(broker.sent.slice(before).every(({ retain }) => !retain)).toBe(true);
    await publisher.stop();
  });

  it('are each sent once, however often the state is looked at', async () => {
    const { broker, chunks, create, want } = setUp();
    want();
    const publisher = create();
    publisher.connected();
    for (let i = 0; i < 5; i++) publisher.reconcile();
    await vi.waitFor(() => expect(broker.retained.size).toBe(chunks.length), SOON);
    await publisher.stop();
    expect(broker.sent).toHaveLength(chunks.length);
  });

  it('are sent again to a broker that forgot them', async () => {
    const { broker, chunks, create, want } = setUp();
    want();
    const publisher = create();
    broker.online = false;
    publisher.connected();
    await Promise.resolve();
    broker.online = true;
    publisher.connected();
    await vi.waitFor(() => expect(broker.retained.size).toBe(chunks.length), SOON);
    broker.retained.clear();
    publisher.connected();
    await vi.waitFor(() => expect(broker.retained.size).toBe(chunks.length), SOON);
    await publisher.stop();
  });

  it('are taken back by the next server when this one died in between', async () => {
    const { broker, chunks, create, want, installed } = setUp();
    want();
    const first = create();
    first.connected();
    await vi.waitFor(() => expect(broker.retained.size).toBe(chunks.length), SOON);
    await first.stop();
    installed();
    const second = create();
    second.connected();
    await vi.waitFor(() => expect(broker.retained.size).toBe(0), SOON);
    await second.stop();
  });

  it('come on request, once for many devices that ask in the same moment', async () => {
    const { broker, chunks, create, clock, counters } = setUp();
    const publisher = create();
    publisher.answer('mill-1', [...chunks, ...chunks]);
    publisher.answer('mill-1', chunks);
    await vi.waitFor(() => expect(broker.sent).toHaveLength(chunks.length), SOON);
    publisher.answer('mill-1', chunks);
    expect(broker.sent).toEqual(chunks.map((chunk) => ({ topic: topics.chunk(chunk), retain: false })));
    clock.nowMs += 1000;
    publisher.answer('mill-1', chunks);
    await vi.waitFor(() => expect(broker.sent).toHaveLength(2 * chunks.length), SOON);
    publisher.answer('mill-1', ['f'.repeat(64)]);
    expect(counters.snapshot()).toEqual({ CHUNK_UNKNOWN: 1 });
  });

  it('never flood it: a few are on their way at once, whether it shall hold them or a device asked', async () => {
    const { store, chunkFiles, broker, create, clock } = setUp();
    const files = makePackage({ version: 2, onnx: randomBytes(1_000_000) });
    const { model } = publishPackage(
      { store, chunkFiles, trust: new TestTeam().sign(files), clock },
      files,
      '',
      'anna',
    );
    store.desired.save({
      device: 'mill-1',
      generation: 1,
      issuedAtMs: 0,
      slots: { s: desiredSlot(model.ref) },
    });
    const chunks = store.models.chunksOf(model.ref.manifestSha256);
    expect(chunks.length).toBeGreaterThan(30);
    const publisher = create();
    publisher.connected();
    await vi.waitFor(() => expect(broker.retained.size).toBe(chunks.length), SOON);
    expect(broker.mostWaiting).toBe(8);
    publisher.answer('mill-1', chunks);
    publisher.answer('mill-1', chunks);
    await vi.waitFor(() => expect(broker.sent).toHaveLength(2 * chunks.length), SOON);
    expect(broker.mostWaiting).toBe(8);
    await publisher.stop();
  });

  it('go out no faster than the server may send, and hold up no end of it', async () => {
    const { broker, chunks, create, want } = setUp();
    want();
    const publisher = create(new Pace(1, systemClock));
    publisher.connected();
    await vi.waitFor(() => expect(broker.sent.length).toBeGreaterThan(0), SOON);
    expect(broker.sent.length).toBeLessThanOrEqual(Math.min(8, chunks.length));
    publisher.answer('mill-1', ['f'.repeat(64), ...chunks]);
    await publisher.stop();
  });

  it('that it is about to be given are not sent beside that to who asks', async () => {
    const { broker, chunks, create, want } = setUp();
    want();
    const publisher = create();
    publisher.connected();
    for (let i = 0; i < 3; i++) publisher.answer('mill-1', chunks);
    await vi.waitFor(() => expect(broker.retained.size).toBe(chunks.length), SOON);
    await publisher.stop();
    expect(broker.sent).toHaveLength(chunks.length);
  });

  it('that are lost on disk are counted, and do not hold up the others', async () => {
    const { broker, chunks, create, want, counters, folder } = setUp();
    rmSync(join(folder, chunks[0] ?? ''));
    want();
    const publisher = create();
    publisher.connected();
    await vi.waitFor(() => expect(broker.retained.size).toBe(chunks.length - 1), SOON);
    await publisher.stop();
    expect(counters.get('STORE_CORRUPT')).toBe(1);
  });
});
