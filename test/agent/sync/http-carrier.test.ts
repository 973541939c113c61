/** Promise 8 where the broker keeps nothing and the server hears nothing: chunks come over HTTP, as sparing and as distrusted. */
import { randomBytes } from 'node:crypto';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeChunk } from '../../../protocol/chunk-codec.ts';
import { encodePackTable, packOrder } from '../../../protocol/pack.ts';
import { startAedes, type TestBroker } from '../../support/brokers.ts';
import { ChunkServer } from '../../support/chunk-server.ts';
import { TcpProxy } from '../../support/tcp-proxy.ts';
import { waitFor } from '../../support/wait-for.ts';
import { FakeServer } from './fake-server.ts';
import { FetchingDevice, type FetchingDeviceOptions, hashesOf, published } from './fetching-device.ts';

const wanted = published(
  new Map([
    ['labels.txt', Buffer.alloc(3000, 'label ')],
    ['manifest.json', Buffer.from('{}')],
    ['model.onnx', randomBytes(600_000)],
    ['model-copy.onnx', Buffer.from('shared')],
    ['none.txt', Buffer.alloc(0)],
    ['shared.txt', Buffer.from('shared')],
  ]),
);
const order = packOrder(wanted.chunked.index);
const encoded = order.map((sha256) => encodeChunk(wanted.chunked.chunks.get(sha256) ?? Buffer.alloc(0)));
const table = encodePackTable(encoded.map(({ length }) => length));
const pack = Buffer.concat([table, ...encoded]);
const encodedIndex = encodeChunk(wanted.chunked.chunks.get(wanted.ref.indexSha256) ?? Buffer.alloc(0));

let broker: TestBroker;
/** Hears what devices want, and says nothing. */
let server: FakeServer;
const stops: (() => unknown)[] = [];

beforeEach(async () => {
  broker = await startAedes();
  server = await new FakeServer().start(broker.url);
});
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
  await server.stop();
  await broker.stop();
});

async function deviceOf(options: Partial<FetchingDeviceOptions>): Promise<FetchingDevice> {
  const device = await new FetchingDevice({ broker: broker.url, askAfterMs: 100, ...options }).start();
  stops.push(() => device.stop());
  return device;
}

describe('a package over HTTP', () => {
  let http: ChunkServer;
  let chunksUrl: string;

  beforeEach(async () => {
    http = new ChunkServer();
    http.publish(wanted.chunked);
    chunksUrl = await http.start();
    stops.push(() => http.stop());
  });

  it('comes whole when broker and server stay silent, each byte once', async () => {
    const device = await deviceOf({ chunksUrl });
    expect(hashesOf(await device.fetch(wanted.ref))).toEqual(hashesOf(wanted.files));
    expect(http.sentBytes).toBe(encodedIndex.length + pack.length);
    expect(server.wants.length).toBeGreaterThan(0);
    expect(device.counters.snapshot()).toEqual({});
  });

  it('is not asked for while the broker hands it out', async () => {
    await server.publishChunks(wanted.chunked);
    const device = await deviceOf({ chunksUrl });
    await device.fetch(wanted.ref);
    expect(http.requests).toEqual([]);
  });

  it('is not asked for while the server answers', async () => {
    server.onWant = (hashes) => void server.publishChunks(wanted.chunked, hashes);
    const device = await deviceOf({ chunksUrl });
    await device.fetch(wanted.ref);
    expect(http.requests).toEqual([]);
  });

  it('comes without what the device has', async () => {
    const old = new Map(wanted.files).set('labels.txt', Buffer.from('older'));
    const device = (await deviceOf({ chunksUrl })).has(old);
    expect(hashesOf(await device.fetch(wanted.ref))).toEqual(hashesOf(wanted.files));
    const labels = encodeChunk(Buffer.alloc(3000, 'label '));
    expect(http.sentBytes).toBe(encodedIndex.length + table.length + labels.length);
  });

  it('goes on with one chunk twice at most after the line broke', async () => {
    const proxy = await new TcpProxy(Number(new URL(chunksUrl).port)).start();
    stops.push(() => proxy.stop());
    const device = await deviceOf({ chunksUrl: `${proxy.url.replace('mqtt', 'http')}/chunks` });
    proxy.cutAfter(pack.length / 2);
    expect(hashesOf(await device.fetch(wanted.ref))).toEqual(hashesOf(wanted.files));
    const oneChunk = Math.max(...encoded.map(({ length }) => length));
    const headers = 500 * http.requests.length;
    const again = proxy.bytesDown - pack.length - encodedIndex.length - table.length;
    expect(again).toBeLessThanOrEqual(oneChunk + headers);
    expect(device.counters.get('CHUNKS_UNREACHABLE')).toBe(1);
  });

  it('spends the same byte budget, and waits with its reason when that is spent', async () => {
    const device = await deviceOf({ chunksUrl, updates: { maxBytesPerDay: 300_000 } });
    const reasons: string[] = [];
    const told = new AbortController();
    const fetching = device.fetch(
      wanted.ref,
      (_have, _want, waitsFor) => reasons.push(waitsFor ?? ''),
      told.signal,
    );
    fetching.catch(() => undefined);
    await waitFor('the budget is spent', () => reasons.at(-1)?.includes('byte budget') ?? false);
    // A run is asked for whole: that much it may go over.
    expect(http.sentBytes).toBeLessThan(300_000 + 256 * 1024);
    expect(device.chunksOnDisk).toBeGreaterThan(5);
    told.abort();
    await expect(fetching).rejects.toMatchObject({ code: 'FETCH_ABORTED' });
  });

  it('ends at once when it is told to', async () => {
    const stuck = await listening((_request, response) => void response.writeHead(200));
    const device = await deviceOf({ chunksUrl: stuck });
    const told = new AbortController();
    const fetching = device.fetch(wanted.ref, undefined, told.signal);
    fetching.catch(() => undefined);
    await waitFor('it asks over HTTP', () => seen.length > 0);
    told.abort();
    await expect(fetching).rejects.toMatchObject({ code: 'FETCH_ABORTED' });
    expect(device.counters.snapshot()).toEqual({});
  });
});

/** Requests that a hostile server saw. */
const seen: string[] = [];

async function listening(answer: RequestListener): Promise<string> {
  seen.length = 0;
  const hostile: Server = createServer((request, response) => {
    seen.push(`${request.url}`);
    response.on('error', () => undefined);
    answer(request, response);
  });
  await new Promise<void>((resolve) => hostile.listen(0, '127.0.0.1', resolve));
  stops.push(() => {
    hostile.closeAllConnections();
    return new Promise((resolve) => hostile.close(resolve));
  });
  return `http://127.0.0.1:${(hostile.address() as AddressInfo).port}/chunks`;
}

/** As the real one, but for what is done with a range of the chunks themselves. */
function honestUntil(
  misbehave: (range: Range, response: Parameters<RequestListener>[1]) => void,
): RequestListener {
  return (request, response) => {
    if (request.url?.endsWith('/index')) {
      response.end(encodedIndex);
      return;
    }
    const [, first = '0', last = '0'] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? [];
    const range = { start: Number(first), end: Number(last) + 1 };
    if (range.start > 0) misbehave(range, response);
    else send(response, range, pack.subarray(range.start, range.end));
  };
}

interface Range {
  readonly start: number;
  readonly end: number;
}

function send(response: Parameters<RequestListener>[1], { start, end }: Range, body: Buffer): void {
  response.writeHead(206, { etag: '"e"', 'content-range': `bytes ${start}-${end - 1}/${pack.length}` });
  response.end(body);
}

function endless(response: Parameters<RequestListener>[1]): void {
  const more = () => {
    while (!response.destroyed && response.write(Buffer.alloc(64 * 1024)));
    response.once('drain', more);
  };
  more();
}

describe('a hostile server of packs', () => {
  it('that never stops sending is left when the range is there', async () => {
    const open = new Set<unknown>();
    const answer = honestUntil((range, response) => {
      open.add(response);
      response.on('close', () => open.delete(response));
      response.writeHead(206, { 'content-range': `bytes ${range.start}-${range.end - 1}/${pack.length}` });
      response.write(pack.subarray(range.start, range.end));
      endless(response);
    });
    const device = await deviceOf({ chunksUrl: await listening(answer) });
    expect(hashesOf(await device.fetch(wanted.ref))).toEqual(hashesOf(wanted.files));
    await waitFor('every connection is closed', () => open.size === 0);
  });

  it.each<[string, string, RequestListener]>([
    [
      'sends other bytes',
      'PACKAGE_HASH_MISMATCH',
      honestUntil((range, response) => send(response, range, Buffer.alloc(range.end - range.start))),
    ],
    [
      'sends other bytes without end',
      'PACKAGE_HASH_MISMATCH',
      honestUntil((range, response) => {
        response.writeHead(206, { 'content-range': `bytes ${range.start}-${range.end - 1}/${pack.length}` });
        endless(response);
      }),
    ],
    ['sends an endless index', 'CHUNKS_MALFORMED', (_request, response) => endless(response)],
    [
      'sends another range',
      'CHUNKS_MALFORMED',
      honestUntil((range, response) =>
        send(response, { start: range.start + 1, end: range.end + 1 }, pack.subarray(range.start, range.end)),
      ),
    ],
    [
      'knows no ranges',
      'CHUNKS_MALFORMED',
      honestUntil((_range, response) => response.writeHead(200, { etag: '"e"' }).end(pack)),
    ],
    [
      'has another layout now',
      'CHUNKS_CHANGED',
      honestUntil((_range, response) => response.writeHead(200, { etag: '"f"' }).end(pack)),
    ],
    [
      'sends a bomb in its own encoding',
      'CHUNKS_MALFORMED',
      honestUntil((range, response) =>
        response
          .writeHead(206, {
            'content-encoding': 'gzip',
            'content-range': `bytes ${range.start}-${range.end - 1}/${pack.length}`,
          })
          .end(Buffer.alloc(1000)),
      ),
    ],
    [
      'sends the device elsewhere',
      'CHUNKS_UNREACHABLE',
      (_request, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
    ],
    ['knows nothing', 'CHUNKS_UNREACHABLE', (_request, response) => response.writeHead(404).end()],
    ['breaks off', 'CHUNKS_UNREACHABLE', honestUntil((_range, response) => response.destroy())],
    [
      'ends early',
      'CHUNKS_UNREACHABLE',
      honestUntil((range, response) => send(response, range, pack.subarray(range.start, range.end - 1))),
    ],
    ['never answers', 'CHUNKS_UNREACHABLE', () => undefined],
    [
      'sends a byte now and then',
      'CHUNKS_UNREACHABLE',
      honestUntil((range, response) => {
        response.writeHead(206, { 'content-range': `bytes ${range.start}-${range.end - 1}/${pack.length}` });
        const drip = setInterval(() => response.write(Buffer.alloc(1)), 20);
        response.on('close', () => clearInterval(drip));
      }),
    ],
    [
      'lists sizes that no chunk has',
      'PAYLOAD_MALFORMED',
      (request, response) => {
        if (request.url?.endsWith('/index')) response.end(encodedIndex);
        else send(response, { start: 0, end: table.length }, Buffer.alloc(table.length, 0xff));
      },
    ],
  ])(
    'that %s is refused with %s, and the broker’s way still leads to the package',
    async (_, code, answer) => {
      const device = await deviceOf({ chunksUrl: await listening(answer), stalledAfterMs: 300 });
      const fetching = device.fetch(wanted.ref);
      await waitFor('it is refused', () => device.counters.get(code) > 0);
      expect(Object.keys(device.counters.snapshot())).toEqual([code]);
      await server.publishChunks(wanted.chunked);
      server.onWant = (hashes) => void server.publishChunks(wanted.chunked, hashes);
      expect(hashesOf(await fetching)).toEqual(hashesOf(wanted.files));
    },
  );
});
