/** `/chunks/{sha256}`: a package by ranges, as RFC 9110 wants them. */
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { decodeChunk } from '../../../protocol/chunk-codec.ts';
import { packOrder, parsePackTable, tableSpan } from '../../../protocol/pack.ts';
import { chunkPackage } from '../../../protocol/package-index.ts';
import { ChunkServer } from '../../support/chunk-server.ts';
import { SOON } from '../support.ts';

const chunked = chunkPackage(
  new Map([
    ['labels.txt', Buffer.alloc(20_000, 'label ')],
    ['manifest.json', Buffer.from('{}')],
    ['model.onnx', randomBytes(200_000)],
  ]),
);
const order = packOrder(chunked.index);
const url = `/chunks/${chunked.indexSha256}`;

function setUp() {
  const server = new ChunkServer();
  onTestFinished(() => server.stop());
  server.publish(chunked);
  const get = (path: string, headers: Record<string, string> = {}) =>
    server.app.inject({ method: 'GET', url: path, headers });
  return { server, get };
}

describe('a pack over HTTP', () => {
  it('holds every chunk of its package as it travels', async () => {
    const { get } = setUp();
    const { statusCode, headers, rawPayload } = await get(url);
    expect(statusCode).toBe(200);
    expect(headers).toMatchObject({
      'accept-ranges': 'bytes',
      'content-type': 'application/octet-stream',
      'content-length': `${rawPayload.length}`,
    });
    const spans = parsePackTable(order, rawPayload.subarray(0, tableSpan(order.length).end));
    for (const [sha256, { start, end }] of spans) {
      expect(decodeChunk(sha256, rawPayload.subarray(start, end))).toEqual(chunked.chunks.get(sha256));
    }
    expect([...spans.values()].at(-1)?.end).toBe(rawPayload.length);
  });

  it('comes by any range as it comes whole', async () => {
    const { get } = setUp();
    const { rawPayload: whole } = await get(url);
    const ranges = [
      [0, 3],
      [0, 0],
      [2, 70_000],
      [whole.length - 1, whole.length - 1],
      [whole.length - 500, whole.length + 500],
      ...Array.from({ length: 20 }, (_, i) => [i * 9973, i * 9973 + 30_000]),
    ] as const;
    for (const [first = 0, last = 0] of ranges) {
      const { statusCode, headers, rawPayload } = await get(url, { range: `bytes=${first}-${last}` });
      const to = Math.min(last, whole.length - 1);
      expect(statusCode).toBe(206);
      expect(headers['content-range']).toBe(`bytes ${first}-${to}/${whole.length}`);
      expect(headers['content-length']).toBe(`${to - first + 1}`);
      expect(rawPayload.equals(whole.subarray(first, to + 1))).toBe(true);
    }
  });

  it('says its size for a range that is not there', async () => {
    const { get } = setUp();
    const { rawPayload } = await get(url);
    const answer = await get(url, { range: `bytes=${rawPayload.length}-` });
    expect(answer.statusCode).toBe(416);
    expect(answer.headers['content-range']).toBe(`bytes */${rawPayload.length}`);
    expect(answer.rawPayload).toHaveLength(0);
  });

  it('comes whole to who knows another layout of it', async () => {
    const { get } = setUp();
    const { headers, rawPayload } = await get(url);
    const etag = String(headers.etag);
    expect((await get(url, { range: 'bytes=0-9', 'if-range': etag })).statusCode).toBe(206);
    const other = await get(url, { range: 'bytes=0-9', 'if-range': '"another"' });
    expect(other.statusCode).toBe(200);
    expect(other.rawPayload).toEqual(rawPayload);
  });

  it('tells its size and its validator without its bytes', async () => {
    const { server, get } = setUp();
    const whole = await get(url);
    const head = await server.app.inject({ method: 'HEAD', url });
    expect(head.statusCode).toBe(200);
    expect(head.headers).toMatchObject({
      etag: whole.headers.etag,
      'content-length': `${whole.rawPayload.length}`,
    });
    expect(head.rawPayload).toHaveLength(0);
  });

  it('comes with its index, verified by its name', async () => {
    const { get } = setUp();
    const { statusCode, rawPayload } = await get(`${url}/index`);
    expect(statusCode).toBe(200);
    expect(decodeChunk(chunked.indexSha256, rawPayload)).toEqual(chunked.chunks.get(chunked.indexSha256));
  });

  it.each([
    ['what nobody published', `/chunks/${'f'.repeat(64)}`, 404, 'CHUNK_UNKNOWN'],
    ['the index of what nobody published', `/chunks/${'f'.repeat(64)}/index`, 404, 'CHUNK_UNKNOWN'],
    ['a chunk by its own name', `/chunks/${order[0]}`, 404, 'CHUNK_UNKNOWN'],
    ['a name that is no hash', '/chunks/..%2f..%2fserver.db', 400, 'REQUEST_INVALID'],
  ])('is not there for %s', async (_, path, status, code) => {
    const { get } = setUp();
    const answer = await get(path);
    expect(answer.statusCode).toBe(status);
    expect(answer.json()).toMatchObject({ code });
  });

  it('is not there when a chunk was lost on disk', async () => {
    const { server, get } = setUp();
    rmSync(join(server.folder, order.at(-1) ?? ''));
    const answer = await get(url);
    expect(answer.statusCode).toBe(500);
    expect(answer.json()).toMatchObject({ code: 'STORE_CORRUPT' });
  });

  it('breaks off where a chunk was lost since, and counts it', async () => {
    const { server } = setUp();
    const path = `${await server.start()}/${chunked.indexSha256}`;
    const whole = await (await fetch(path)).arrayBuffer();
    rmSync(join(server.folder, order.at(-1) ?? ''));
    await expect(fetch(path).then((answer) => answer.arrayBuffer())).rejects.toThrow();
    expect(server.counters.get('STORE_CORRUPT')).toBe(1);
    server.publish(chunked);
    expect((await (await fetch(path)).arrayBuffer()).byteLength).toBe(whole.byteLength);
  });

  it('frees the place of who goes away, and asks the sixty-fifth to come back', async () => {
    const { server } = setUp();
    // More than sockets hold: a reader that does not read keeps its download open.
    const large = chunkPackage(new Map([['model.onnx', randomBytes(12 * 2 ** 20)]]));
    server.publish(large);
    const path = `${await server.start()}/${large.indexSha256}`;
    const readers = await Promise.all(Array.from({ length: 64 }, () => idleReader(path)));
    const busy = await fetch(path);
    expect(busy.status).toBe(503);
    expect(busy.headers.get('retry-after')).toBe('10');
    for (const reader of readers) reader.destroy();
    await vi.waitFor(async () => {
      const { status, body } = await fetch(path, { headers: { range: 'bytes=0-9' } });
      await body?.cancel();
      expect(status).toBe(206);
    }, SOON);
  });

  it('goes out no faster than the server may send', async () => {
    const server = new ChunkServer({ maxBytesPerS: 400_000 });
    onTestFinished(() => server.stop());
    server.publish(chunked);
    const path = `${await server.start()}/${chunked.indexSha256}`;
    const startMs = performance.now();
    const [one, two] = await Promise.all(
      [fetch(path), fetch(path)].map(async (answer) => (await answer).arrayBuffer()),
    );
    const bytes = (one?.byteLength ?? 0) + (two?.byteLength ?? 0);
    // Both together: the cap is the server's.
    expect(performance.now() - startMs).toBeGreaterThan((bytes / 400_000) * 1000 - 250);
  });
});

/** Takes the headers, and then nothing. */
function idleReader(url: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    httpRequest(url, (response) => {
      response.pause();
      response.on('error', () => undefined);
      resolve(response);
    })
      .on('error', reject)
      .end();
  });
}
