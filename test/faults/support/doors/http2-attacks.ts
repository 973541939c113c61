/** What is known to hurt servers of HTTP/2 and of gRPC: each is all that one connection sends. */
import { gzipSync } from 'node:zlib';
import { INFER_REQUEST, MODEL_NAME } from '../../../../agent/http/grpc/oip-messages.ts';
import { encodeMessage } from '../../../../agent/http/grpc/protobuf.ts';
import { http2Bytes as h2 } from './http2-bytes.ts';

const FLOOD = 20_000;
/** Streams of a client have odd numbers. */
const streams = (count: number) => Array.from({ length: count }, (_, i) => 2 * i + 1);
const said = (...frames: (Buffer | readonly Buffer[])[]) =>
  Buffer.concat([h2.preface, h2.settings(), ...frames.flat()]);

/** Of gRPC: whether it is compressed, a length, bytes. */
function message(bytes: Buffer, { flag = 0, length = bytes.length } = {}): Buffer {
  const head = Buffer.alloc(5);
  head[0] = flag;
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, bytes]);
}

/** One call, whole. */
function call(
  method: string,
  body: Buffer,
  other: Readonly<Record<string, string>> = {},
  stream = 1,
): Buffer {
  return Buffer.concat([h2.headers(stream, h2.callFields(method, other)), h2.dataWhole(stream, body)]);
}

function infer(slot: string): Buffer {
  return encodeMessage(INFER_REQUEST, {
    model_name: slot,
    inputs: [{ name: 'input', datatype: 'FP32', shape: [1, 2] }],
    raw_input_contents: [Buffer.from(Float32Array.from([1, 2]).buffer)],
  });
}

/** Frames of DATA as large as they may be, without an end. */
function dataOf(stream: number, bytes: number): Buffer[] {
  const piece = h2.data(stream, Buffer.alloc(16_384), 0);
  return Array.from({ length: Math.ceil(bytes / 16_384) }, () => piece);
}

/** Conversations that a client could have, for mutations of them. */
export function honestCalls(slot: string): Buffer[] {
  const name = encodeMessage(MODEL_NAME, { name: slot });
  return [
    said(call('ServerLive', message(Buffer.alloc(0)))),
    said(call('ModelMetadata', message(name)), call('ModelStatistics', message(name), {}, 3)),
    said(call('ModelInfer', message(infer(slot)), { 'grpc-timeout': '1S' })),
    said(
      call('ModelInfer', message(gzipSync(infer(slot)), { flag: 1 }), { 'grpc-encoding': 'gzip' }),
      h2.ping(),
      h2.windowUpdate(0, 100_000),
      h2.goAway(),
    ),
  ];
}

/** By the name of each. @param slot that has a model */
export function http2Attacks(slot: string): Record<string, Buffer> {
  const live = h2.callFields('ServerLive');
  const inferring = h2.callFields('ModelInfer');
  const long = 'x'.repeat(4000);
  return {
    'half a preface': h2.preface.subarray(0, 20),
    'a preface that turns wrong': Buffer.from('PRI * HTTP/2.0\r\n\r\nGET / HTTP/1.1\r\n\r\n'),
    'a preface, then HTTP/1.1': Buffer.concat([h2.preface, Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n')]),
    'a preface, then nothing': h2.preface,
    'a frame longer than allowed': said(h2.frame('data', 0, 1, Buffer.alloc(100), 0xff_ffff)),
    'settings of an odd length': said(h2.frame('settings', 0, 0, Buffer.alloc(5))),
    'settings beyond their range': said(
      h2.settings([
        [4, 0xffff_ffff],
        [5, 1],
        [2, 7],
      ]),
    ),
    'data on no stream': said(h2.data(0, Buffer.alloc(10)), h2.data(99, Buffer.alloc(10))),
    'a stream of the server’s': said(h2.headers(2, live)),
    'streams backwards': said(
      streams(20)
        .reverse()
        .map((stream) => h2.headers(stream, live)),
    ),
    'frames of no known kind': said(streams(2000).map((n) => h2.frame(200, 255, n, Buffer.alloc(50)))),
    'a promise from a client': said(
      h2.frame('push', h2.END_HEADERS, 1, Buffer.concat([Buffer.alloc(4), live])),
    ),
    'priorities in a circle': said(streams(FLOOD).map((n) => h2.frame('priority', 0, n, Buffer.alloc(5, 1)))),
    'a flood of settings': said(streams(FLOOD).map(() => h2.settings([[3, 100]]))),
    'a flood of pings': said(streams(FLOOD).map(h2.ping)),
    'calls begun and taken back': said(
      streams(FLOOD).flatMap((n) => [h2.headers(n, inferring), h2.reset(n)]),
    ),
    'calls made and taken back': said(
      streams(FLOOD / 4).flatMap((n) => [call('ModelInfer', message(infer(slot)), {}, n), h2.reset(n)]),
    ),
    'more calls at once than allowed': said(streams(1000).map((n) => h2.headers(n, inferring))),
    'a window that overflows': said(h2.windowUpdate(0, 0x7fff_ffff), h2.windowUpdate(0, 0x7fff_ffff)),
    'answers that nobody takes': said(
      h2.settings([[4, 0]]),
      streams(1000).map((n) =>
        call('ModelConfig', message(encodeMessage(MODEL_NAME, { name: slot })), {}, n),
      ),
    ),
    'empty data without end': said(
      h2.headers(1, inferring),
      streams(FLOOD).map(() => h2.data(1, Buffer.alloc(0), 0)),
    ),
    'names and values without end': said(
      h2.headers(1, h2.field('x', long), 0),
      streams(2000).map(() => h2.continuation(1, h2.field('x', long))),
    ),
    'continuations of nothing': said(
      h2.headers(1, live, 0),
      streams(FLOOD).map(() => h2.continuation(1, Buffer.alloc(0))),
    ),
    'a small field repeated by its number': said(
      streams(100).map((n) =>
        h2.headers(
          n,
          Buffer.concat([live, h2.keptField('x', long), h2.references(12_000)]),
          h2.END_HEADERS | h2.END_STREAM,
        ),
      ),
    ),
    'numbers of fields that nobody kept': said(h2.headers(1, Buffer.concat([live, h2.references(10)]))),
    'a number that never ends': said(h2.headers(1, Buffer.alloc(1000, 0xff))),
    'half a message': said(h2.headers(1, inferring), h2.data(1, message(infer(slot)).subarray(0, 9), 0)),
    'half a message, and its end': said(call('ModelInfer', message(infer(slot)).subarray(0, 9))),
    'a length that lies': said(
      call('ModelInfer', message(infer(slot), { length: 0xffff_ffff })),
      call('ModelInfer', message(infer(slot), { length: 1 }), {}, 3),
    ),
    'two messages': said(call('ModelInfer', Buffer.concat([message(infer(slot)), message(infer(slot))]))),
    'compressed by its flag alone': said(
      call('ModelInfer', message(infer(slot), { flag: 1 })),
      call('ModelInfer', message(infer(slot), { flag: 1 }), { 'grpc-encoding': 'gzip' }, 3),
      call('ModelInfer', message(infer(slot), { flag: 1 }), { 'grpc-encoding': 'snappy' }, 5),
      call('ModelInfer', message(infer(slot), { flag: 255 }), { 'grpc-encoding': 'identity' }, 7),
    ),
    'a message that expands': said(
      call('ModelInfer', message(gzipSync(Buffer.alloc(100 * 1024 * 1024)), { flag: 1 }), {
        'grpc-encoding': 'gzip',
      }),
    ),
    'no gRPC by its type': said(
      call('ServerLive', message(Buffer.alloc(0)), { 'content-type': 'application/json' }),
      call('ServerLive', message(Buffer.alloc(0)), { ':method': 'GET' }, 3),
      call('NoSuch', message(Buffer.alloc(0)), { ':path': `/${long}` }, 5),
      call('ServerLive', message(Buffer.alloc(0)), { ':authority': 'evil.example' }, 7),
    ),
    'messages without end, many at once': said(
      h2.windowUpdate(0, 0x7000_0000),
      streams(50).map((n) => h2.headers(n, inferring)),
      streams(50).flatMap((n) => dataOf(n, 2 * 1024 * 1024)),
    ),
  };
}
