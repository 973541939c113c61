/** Promise 8: a package arrives chunk by chunk, each verified, each paid for once. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encode } from '@msgpack/msgpack';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { encodeChunk } from '../../../protocol/chunk-codec.ts';
import { sha256Hex } from '../../../protocol/keys.ts';
import { LIMITS } from '../../../protocol/limits.ts';
import type { Desired, ModelRef } from '../../../protocol/messages.ts';
import { type ChunkedPackage, chunkPackage } from '../../../protocol/package-index.ts';
import { topics } from '../../../protocol/topics.ts';
import { describeWithEachBroker } from '../../support/brokers.ts';
import { waitFor } from '../../support/wait-for.ts';
import { type SyncRig, startSyncRig } from './sync-rig.ts';

type Files = Map<string, Buffer>;

interface Wanted {
  readonly chunked: ChunkedPackage;
  readonly ref: ModelRef;
}

function packageOf(onnxBytes: number, labels = 'labels'): Files {
  return new Map([
    ['manifest.json', Buffer.from('{}')],
    ['model.onnx', randomBytes(onnxBytes)],
    ['empty.txt', Buffer.alloc(0)],
    ['labels.txt', Buffer.from(labels)],
  ]);
}

/** Buffers by hash: comparing megabytes byte by byte takes the test runner seconds. */
function hashes(files: ReadonlyMap<string, Buffer>): Record<string, string> {
  return Object.fromEntries([...files].map(([path, bytes]) => [path, sha256Hex(bytes)]));
}

function refTo(files: Files, chunked: ChunkedPackage): ModelRef {
  const manifestSha256 = sha256Hex(files.get('manifest.json') ?? '');
  return {
    name: 'm',
    version: 1,
    manifestSha256,
    indexSha256: chunked.indexSha256,
    sizeBytes: chunked.sizeBytes,
  };
}

describeWithEachBroker('fetching a package', (startBroker) => {
  let rig: SyncRig;

  beforeEach(async () => {
    rig = await startSyncRig(startBroker);
    await rig.device.sync.start();
    await waitFor('up', () => rig.device.sync.status().connected);
  });

  afterEach(() => rig.stop());

  const onDisk = () => {
    const folder = join(rig.device.dataDir, 'chunks');
    return existsSync(folder) ? readdirSync(folder).filter((name) => !name.endsWith('.tmp')) : [];
  };

  it('brings every byte from what the broker retains, and tells how far it is', async () => {
    const files = packageOf(20 * LIMITS.chunkBytes + 17);
    const chunked = chunkPackage(files);
    await rig.server.publishChunks(chunked);
    const progress: string[] = [];
    const fetched = await rig.device.sync.fetchPackage(refTo(files, chunked), (have, want) =>
      progress.push(`${have}/${want}`),
    );
    expect(hashes(fetched)).toEqual(hashes(files));
    const want = chunked.chunks.size - 1;
    expect(progress[0]).toBe(`0/${want}`);
    expect(progress.at(-1)).toBe(`${want}/${want}`);
    expect(rig.server.wants).toEqual([]);
  });

  it('drops the chunks when the package is installed', async () => {
    const files = packageOf(100_000);
    const chunked = chunkPackage(files);
    await rig.server.publishChunks(chunked);
    await rig.device.sync.fetchPackage(refTo(files, chunked));
    expect(onDisk()).toHaveLength(chunked.chunks.size);
    await rig.device.sync.dropChunks(refTo(files, chunked));
    expect(onDisk()).toEqual([]);
  });

  it('asks the server for what the broker does not hold', async () => {
    const files = packageOf(3 * LIMITS.chunkBytes);
    const chunked = chunkPackage(files);
    rig.server.onWant = (hashes) => void rig.server.publishChunks(chunked, hashes);
    expect((await rig.device.sync.fetchPackage(refTo(files, chunked))).size).toBe(4);
    expect(rig.server.wants[0]).toEqual({ v: 1, device: rig.device.id, chunks: [chunked.indexSha256] });
  });

  it('takes no more than eight chunks at once', async () => {
    const files = packageOf(4 * LIMITS.chunkBytes);
    const chunked = chunkPackage(files);
    await rig.server.publishChunks(chunked, [chunked.indexSha256]);
    const answer = (hashes: readonly string[]) => void rig.server.publishChunks(chunked, hashes);
    rig.server.onWant = answer;
    await rig.device.sync.fetchPackage(refTo(files, chunked));
    const asked = rig.server.wants.map(({ chunks }) => chunks.length);
    expect(Math.max(...asked)).toBe(8);
  });

  it('goes on after a restart with what it has', async () => {
    const files = packageOf(10 * LIMITS.chunkBytes);
    const chunked = chunkPackage(files);
    const some = [...chunked.chunks.keys()].slice(0, chunked.chunks.size / 2);
    await rig.server.publishChunks(chunked, [...some, chunked.indexSha256]);
    const first = rig.device.sync.fetchPackage(refTo(files, chunked));
    first.catch(() => undefined);
    await waitFor('half of it', () => onDisk().length >= some.length);
    await rig.device.restart();
    await expect(first).rejects.toMatchObject({ code: 'FETCH_ABORTED' });
    await waitFor('up', () => rig.device.sync.status().connected);
    await rig.server.publishChunks(chunked);
    let start = 0;
    await rig.device.sync.fetchPackage(refTo(files, chunked), (have) => {
      start ||= have;
    });
    expect(start).toBeGreaterThanOrEqual(some.length - 1);
  });

  it('keeps what two packages share until both are there, though the first is installed and its chunks dropped', async () => {
    const shared = randomBytes(1000);
    const first: Files = new Map([
      ['manifest.json', Buffer.from('first')],
      ['shared.bin', shared],
    ]);
    const second: Files = new Map([
      ['late.bin', randomBytes(1000)],
      ['manifest.json', Buffer.from('second')],
      ['shared.bin', shared],
    ]);
    const [one, two] = [chunkPackage(first), chunkPackage(second)];
    const late = sha256Hex(second.get('late.bin') ?? '');
    await rig.server.publishChunks(one);
    const early = [...two.chunks.keys()].filter((sha256) => sha256 !== late);
    await rig.server.publishChunks(two, early);
    const fetching = rig.device.sync.fetchPackage(refTo(second, two));
    await waitFor('all but one', () => early.every((sha256) => onDisk().includes(sha256)));
    await rig.device.sync.fetchPackage(refTo(first, one));
    await rig.device.sync.dropChunks(refTo(first, one));
    expect(onDisk()).not.toContain(sha256Hex(shared));
    await rig.server.publishChunks(two, [late]);
    expect(hashes(await fetching)).toEqual(hashes(second));
  });

  it('refuses a chunk with other bytes, counts it, and takes the right one', async () => {
    const files = packageOf(2 * LIMITS.chunkBytes);
    const chunked = chunkPackage(files);
    await rig.server.publishChunks(chunked);
    const [poisoned] = [...chunked.chunks.keys()];
    await rig.server.publish(topics.chunk(String(poisoned)), encodeChunk(randomBytes(1000)), true);
    rig.server.onWant = (hashes) => void rig.server.publishChunks(chunked, hashes);
    expect(hashes(await rig.device.sync.fetchPackage(refTo(files, chunked)))).toEqual(hashes(files));
    expect(rig.device.counters.get('PACKAGE_HASH_MISMATCH')).toBeGreaterThan(0);
    expect(onDisk().sort()).toEqual([...chunked.chunks.keys()].sort());
  });

  it('refuses a chunk that is too large before it looks at it', async () => {
    const files = packageOf(1000);
    const chunked = chunkPackage(files);
    const [hash] = [...chunked.chunks.keys()].filter((sha256) => sha256 !== chunked.indexSha256);
    const tooLarge = Buffer.alloc(LIMITS.chunkBytes + 2);
    await rig.server.publishChunks(chunked);
    await rig.server.publish(topics.chunk(String(hash)), tooLarge, true);
    rig.server.onWant = (hashes) => void rig.server.publishChunks(chunked, hashes);
    await rig.device.sync.fetchPackage(refTo(files, chunked));
    expect(rig.device.counters.get('PAYLOAD_TOO_LARGE')).toBeGreaterThan(0);
  });

  it('does not fetch what an installed package already has', async () => {
    const old = packageOf(5 * LIMITS.chunkBytes);
    const folder = join(rig.device.dataDir, 'packages', 'a'.repeat(64));
    mkdirSync(folder, { recursive: true });
    for (const [path, bytes] of old) writeFileSync(join(folder, path), bytes);
    const files = new Map(old).set('labels.txt', Buffer.from('other labels'));
    const chunked = chunkPackage(files);
    await rig.server.publishChunks(chunked);
    const before = rig.proxy.bytesDown;
    expect(hashes(await rig.device.sync.fetchPackage(refTo(files, chunked)))).toEqual(hashes(files));
    expect(rig.proxy.bytesDown - before).toBeLessThan(LIMITS.chunkBytes);
  });

  it('refuses a package whose manifest is not the one that was asked for', async () => {
    const files = packageOf(10);
    const chunked = chunkPackage(files);
    await rig.server.publishChunks(chunked);
    const ref = { ...refTo(files, chunked), manifestSha256: 'b'.repeat(64) };
    await expect(rig.device.sync.fetchPackage(ref)).rejects.toMatchObject({ code: 'PACKAGE_HASH_MISMATCH' });
  });

  it('refuses an index that would fetch more than it admits', async () => {
    const chunk = randomBytes(10);
    const hashesOfIt = Buffer.concat(Array<Buffer>(100).fill(Buffer.from(sha256Hex(chunk), 'hex')));
    const sizes = Buffer.from(new Uint32Array(100).fill(10).buffer);
    const index = Buffer.from(encode({ v: 2, files: [['a', 10, hashesOfIt, sizes]] }));
    await rig.server.publish(topics.chunk(sha256Hex(index)), encodeChunk(index), true);
    const hash = 'a'.repeat(64);
    const ref = { name: 'm', version: 1, manifestSha256: hash, indexSha256: sha256Hex(index), sizeBytes: 1 };
    await expect(rig.device.sync.fetchPackage(ref)).rejects.toMatchObject({ code: 'PAYLOAD_MALFORMED' });
  });

  it('ends when it is told to, and when a newer desired state no longer wants the package', async () => {
    const files = packageOf(1000);
    const ref = refTo(files, chunkPackage(files));
    const told = new AbortController();
    const first = rig.device.sync.fetchPackage(ref, undefined, told.signal);
    told.abort();
    await expect(first).rejects.toMatchObject({ code: 'FETCH_ABORTED' });
    const second = rig.device.sync.fetchPackage(ref);
    second.catch(() => undefined);
    const wanted: Desired = {
      v: 1,
      device: rig.device.id,
      generation: 1,
      issuedAtMs: 1,
      slots: { inspect: { champion: ref, challenger: null } },
    };
    await rig.server.publishDesired(wanted);
    await rig.server.publishDesired({ ...wanted, generation: 2, slots: {} });
    await expect(second).rejects.toMatchObject({ code: 'FETCH_ABORTED' });
  });

  it('frees the disk of packages that are no longer wanted or are installed, and of no other', async () => {
    const [installed, wanted, unwanted] = ['i', 'w', 'u'].map((name) => {
      const files = packageOf(1000, name).set('manifest.json', Buffer.from(name));
      const chunked = chunkPackage(files);
      return { chunked, ref: refTo(files, chunked) };
    }) as [Wanted, Wanted, Wanted];
    for (const { chunked, ref } of [installed, wanted, unwanted]) {
      await rig.server.publishChunks(chunked);
      await rig.device.sync.fetchPackage(ref);
    }
    const folder = join(rig.device.dataDir, 'packages', installed.ref.manifestSha256);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'manifest.json'), 'i');
    const challenger = { model: wanted.ref, share: 0.05, rolloutId: 'r' };
    const slots = { inspect: { champion: installed.ref, challenger } };
    await rig.server.publishDesired({ v: 1, device: rig.device.id, generation: 1, issuedAtMs: 1, slots });
    const expected = [...wanted.chunked.chunks.keys()].sort().join();
    await waitFor('tidied', () => onDisk().sort().join() === expected);
  });

  it('waits through any time offline', async () => {
    const files = packageOf(1000);
    const chunked = chunkPackage(files);
    await rig.server.publishChunks(chunked);
    rig.device.sync.cut(true);
    const fetching = rig.device.sync.fetchPackage(refTo(files, chunked));
    await new Promise((resolve) => setTimeout(resolve, 50));
    rig.device.sync.cut(false);
    expect((await fetching).size).toBe(4);
  });
});
