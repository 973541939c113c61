/** gRPC and HTTP/1.1 on one port, spoken by Node's own clients; test/integration/oip-grpc.test.ts has the field's. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type ClientHttp2Session, connect } from 'node:http2';
import { type AddressInfo, connect as connectTcp } from 'node:net';
import { gzipSync } from 'node:zlib';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { framed } from '../../../../agent/http/grpc/grpc-frame.ts';
import { GrpcServer } from '../../../../agent/http/grpc/grpc-server.ts';
import { INFER_REQUEST, INFER_RESPONSE, LIVE, MODEL_NAME } from '../../../../agent/http/grpc/oip-messages.ts';
import { splitByPreface } from '../../../../agent/http/grpc/preface.ts';
import { decodeMessage, encodeMessage } from '../../../../agent/http/grpc/protobuf.ts';
import { Counters } from '../../../../daemon/counters.ts';
import { makePackage } from '../../../support/packages.ts';
import { EngineLane } from '../oip/engine-lane.ts';

const lane = new EngineLane();
let grpc: GrpcServer;
let endUndecided: () => void;
let server: Server;
let session: ClientHttp2Session;
const port = () => (server.address() as AddressInfo).port;

beforeAll(async () => {
  await lane.start(makePackage({ version: 4, graph: { weights: [[0, 0]], kind: 'linear' } }));
  server = createServer((_request, response) => response.end('plain'));
  grpc = new GrpcServer({
    models: lane.models,
    host: '127.0.0.1',
    log: pino({ level: 'silent' }),
    counters: lane.counters,
  });
  endUndecided = splitByPreface(server, (socket) => grpc.take(socket));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  session = connect(`http://127.0.0.1:${port()}`);
});
afterAll(async () => {
  session.close();
  grpc.stop();
  server.closeAllConnections();
  server.close();
  await lane.stop();
});

interface Answer {
  readonly status: string;
  readonly words: string;
  readonly message: Buffer;
}

async function call(method: string, body: Buffer, headers: Record<string, string> = {}): Promise<Answer> {
  const stream = session.request({
    ':method': 'POST',
    ':path': `/inference.GRPCInferenceService/${method}`,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  const seen: Record<string, unknown> = {};
  stream.on('response', (given) => Object.assign(seen, given));
  stream.on('trailers', (given) => Object.assign(seen, given));
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.end(body);
  await once(stream, 'close');
  return {
    status: String(seen['grpc-status']),
    words: decodeURIComponent(String(seen['grpc-message'] ?? '')),
    message: Buffer.concat(chunks).subarray(5),
  };
}

const request = (more: object = {}) =>
  encodeMessage(INFER_REQUEST, {
    model_name: 'press',
    inputs: [{ name: 'input', datatype: 'FP32', shape: [1, 2] }],
    raw_input_contents: [Buffer.from(Float32Array.from([1, 2]).buffer)],
    ...more,
  });

describe('one port', () => {
  it('answers HTTP/1.1 and gRPC, also where the first bytes come one by one', async () => {
    expect(await (await fetch(`http://127.0.0.1:${port()}`)).text()).toBe('plain');
    const answer = await call('ServerLive', framed(Buffer.alloc(0)));
    expect([answer.status, decodeMessage(LIVE, answer.message)]).toEqual(['0', { live: true }]);
    const slow = connectTcp(port(), '127.0.0.1').setNoDelay(true);
    for (const byte of 'PUT / HTTP/1.1\r\nhost: x\r\n\r\n') {
      slow.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const [first] = await once(slow, 'data');
    expect(String(first)).toMatch(/^HTTP\/1\.1 200/);
    slow.destroy();
  });

  it('lets go of who says nothing, when it ends', async () => {
    const silent = connectTcp(port(), '127.0.0.1');
    await once(silent, 'connect');
    // Its other end is there once a later connection is answered.
    await (await fetch(`http://127.0.0.1:${port()}`)).text();
    endUndecided();
    await once(silent, 'close');
  });

  it('tells a stranger’s host name that it is not meant', async () => {
    const answer = await call('ServerLive', framed(Buffer.alloc(0)), { ':authority': 'elsewhere.example' });
    expect(answer).toMatchObject({ status: '7', words: 'this address answers only to localhost' });
  });
});

describe('who does not keep to the rules', () => {
  /** A server of its own. @returns its port, and what it counts */
  async function strict(stuckMs?: number) {
    const counters = new Counters();
    const log = pino({ level: 'silent' });
    const deps = { models: lane.models, host: '127.0.0.1', log, counters };
    const own = new GrpcServer(stuckMs === undefined ? deps : { ...deps, stuckMs });
    const http = createServer();
    splitByPreface(http, (socket) => own.take(socket));
    await once(http.listen(0, '127.0.0.1'), 'listening');
    onTestFinished(() => {
      own.stop();
      http.close();
    });
    return { port: (http.address() as AddressInfo).port, counters };
  }

  const headers = { ':method': 'POST', ':path': '/inference.GRPCInferenceService/ServerLive' };

  it('and ends no message is given up, and ends nobody else', async () => {
    const { port: own, counters } = await strict(50);
    const client = connect(`http://127.0.0.1:${own}`);
    onTestFinished(() => client.destroy());
    const stuck = client.request({ ...headers, 'content-type': 'application/grpc' });
    stuck.on('error', () => undefined);
    stuck.write(Buffer.alloc(3));
    await once(stuck, 'close');
    await vi.waitFor(() => expect(counters.get('REQUEST_TIMEOUT')).toBe(1));
    expect(counters.get('UNEXPECTED')).toBe(0);
    const next = client.request({ ...headers, 'content-type': 'application/grpc' });
    next.end(framed(Buffer.alloc(0)));
    const [answer] = await once(next, 'response');
    expect(answer[':status']).toBe(200);
  });

  it('and calls it another type is told so in HTTP', async () => {
    const { port: own, counters } = await strict();
    const client = connect(`http://127.0.0.1:${own}`);
    onTestFinished(() => client.destroy());
    const [answer] = await once(client.request(headers).end(), 'response');
    expect(answer[':status']).toBe(415);
    expect(counters.get('REQUEST_INVALID')).toBe(1);
  });

  it('and hangs up without a word is let go', async () => {
    const { port: own } = await strict();
    const socket = connectTcp(own, '127.0.0.1');
    socket.end('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0');
    socket.resume();
    await once(socket, 'close');
  });

  it('and opens ever more connections loses the one that asked nothing for longest', async () => {
    const { port: own, counters } = await strict();
    const asking = connect(`http://127.0.0.1:${own}`);
    const first = connect(`http://127.0.0.1:${own}`);
    await once(first, 'remoteSettings');
    await once(asking.request(headers).end(), 'response');
    const clients = Array.from({ length: 255 }, () => connect(`http://127.0.0.1:${own}`));
    onTestFinished(() => {
      for (const client of [asking, ...clients]) client.destroy();
    });
    for (const client of clients) client.on('error', () => undefined);
    await once(first, 'close');
    expect(counters.get('grpc.connection-ended')).toBe(1);
    await once(asking.request(headers).end(), 'response');
  });
});

describe('a call', () => {
  it('is answered with a score of zero said, not left out', async () => {
    const answer = await call('ModelInfer', framed(request({ id: 'q' })));
    expect(answer.status).toBe('0');
    expect(decodeMessage(INFER_RESPONSE, answer.message)).toMatchObject({
      model_name: 'press',
      model_version: '4',
      id: 'q',
      outputs: [{ name: 'probability', datatype: 'FP32', shape: [1n, 1n] }],
      raw_output_contents: [Buffer.alloc(4)],
      parameters: expect.arrayContaining([
        { key: 'label', value: { string_param: 'ok' } },
        { key: 'score', value: { double_param: 0 } },
      ]),
    });
  });

  it('hands part numbers and its deadline to the lane', async () => {
    const correlation_id = { key: 'correlation_id', value: { string_param: '["a"]' } };
    await call('ModelInfer', framed(request({ parameters: [correlation_id] })), { 'grpc-timeout': '30S' });
    expect(lane.asks.at(-1)).toMatchObject({ correlationIds: ['a'], timeoutUs: 30_000_000 });
  });

  const contents = (value: number) => ({
    inputs: [{ name: 'input', datatype: 'INT8', shape: [1, 1], contents: { int_contents: [value] } }],
    raw_input_contents: [],
  });

  it.each([
    ['that is no whole message', 'ModelInfer', Buffer.from([0, 0, 0, 0, 9, 1]), '3', 'not one whole message'],
    ['of no message at all', 'ModelInfer', Buffer.alloc(0), '3', 'not one whole message'],
    ['of other bytes', 'ModelInfer', framed(Buffer.from([0x0f])), '3', 'malformed'],
    [
      'for a model that is not there',
      'ModelReady',
      framed(encodeMessage(MODEL_NAME, { name: 'nobody' })),
      '5',
      'unknown model',
    ],
    [
      'for a slot without a model',
      'ModelReady',
      framed(encodeMessage(MODEL_NAME, { name: 'empty' })),
      '14',
      'no available versions',
    ],
    [
      'with fewer raw contents than inputs',
      'ModelInfer',
      framed(
        request({
          inputs: [
            { name: 'a', datatype: 'FP32' },
            { name: 'b', datatype: 'FP32' },
          ],
        }),
      ),
      '3',
      '2 inputs and 1 raw',
    ],
    [
      'with a value that its type cannot hold',
      'ModelInfer',
      framed(request(contents(300))),
      '3',
      '300 is no INT8',
    ],
    ['that loads a model', 'RepositoryModelLoad', framed(Buffer.alloc(0)), '14', 'not allowed'],
    ['that is not spoken here', 'ModelStreamInfer', framed(Buffer.alloc(0)), '12', 'not spoken here'],
  ] as const)('%s is refused', async (_what, method, body, status, words) => {
    expect(await call(method, body)).toMatchObject({ status, words: expect.stringContaining(words) });
  });

  it('that expands too far is refused, and one that is compressed is read', async () => {
    const compressed = (message: Buffer) => {
      const frame = framed(gzipSync(message));
      frame[0] = 1;
      return frame;
    };
    const headers = { 'grpc-encoding': 'gzip' };
    expect((await call('ModelInfer', compressed(request()), headers)).status).toBe('0');
    const bomb = await call('ModelInfer', compressed(Buffer.alloc(64 * 1024 * 1024)), headers);
    expect(bomb).toMatchObject({ status: '8', words: expect.stringContaining('expands') });
    expect((await call('ModelInfer', compressed(request()))).status).toBe('3');
  });
});
