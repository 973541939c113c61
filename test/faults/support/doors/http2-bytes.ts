/** HTTP/2 frames byte by byte (RFC 9113), for what no client would write. */

const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;
const END_STREAM = 0x1;
const END_HEADERS = 0x4;
/** Longer ones a server need not take (4.2). */
const FRAME_BYTES = 16_384;
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

type Kind = keyof typeof FRAME | number;

/** @param length that the frame claims; absent: the true one */
function frame(
  kind: Kind,
  flags: number,
  stream: number,
  payload: Buffer = Buffer.alloc(0),
  length = payload.length,
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(length, 0, 3);
  head[3] = typeof kind === 'number' ? kind : FRAME[kind];
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** An integer of HPACK (RFC 7541, 5.1) after a prefix of so many bits, whose upper bits are `first`. */
function integer(value: number, bits: number, first = 0): Buffer {
  const most = 2 ** bits - 1;
  if (value < most) return Buffer.of(first | value);
  const bytes = [first | most];
  for (let rest = value - most; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.of(...bytes, rest);
    bytes.push((rest % 128) | 0x80);
  }
}

function text(words: string): Buffer {
  const bytes = Buffer.from(words, 'latin1');
  return Buffer.concat([integer(bytes.length, 7), bytes]);
}

/** Literal, not for the table (RFC 7541, 6.2.2). */
function field(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.of(0), text(name), text(value)]);
}

/** Literal, and into the table (6.2.1): it is entry 62 from then on. */
function keptField(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.of(0x40), text(name), text(value)]);
}

function dataWhole(stream: number, bytes: Buffer): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at === 0 || at < bytes.length; at += FRAME_BYTES) {
    const isLast = at + FRAME_BYTES >= bytes.length;
    frames.push(frame('data', isLast ? END_STREAM : 0, stream, bytes.subarray(at, at + FRAME_BYTES)));
  }
  return Buffer.concat(frames);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Of a call to the inference service, with other values of single fields. */
function callFields(method: string, other: Readonly<Record<string, string>> = {}): Buffer {
  const fields = {
    ':method': 'POST',
    ':scheme': 'http',
    ':authority': '127.0.0.1',
    ':path': `/inference.GRPCInferenceService/${method}`,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...other,
  };
  return Buffer.concat(Object.entries(fields).map(([name, value]) => field(name, value)));
}

export const http2Bytes = {
  preface: PREFACE,
  frame,
  settings: (entries: readonly (readonly [number, number])[] = []) =>
    frame('settings', 0, 0, Buffer.concat(entries.map(([id, value]) => Buffer.of(0, id, ...u32(value))))),
  headers: (stream: number, fields: Buffer, flags: number = END_HEADERS) =>
    frame('headers', flags, stream, fields),
  continuation: (stream: number, fields: Buffer, flags = 0) => frame('continuation', flags, stream, fields),
  data: (stream: number, bytes: Buffer, flags: number = END_STREAM) => frame('data', flags, stream, bytes),
  /** In frames as long as they may be, and the end. */
  dataWhole,
  reset: (stream: number) => frame('reset', 0, stream, u32(8)),
  ping: () => frame('ping', 0, 0, Buffer.alloc(8)),
  windowUpdate: (stream: number, by: number) => frame('windowUpdate', 0, stream, u32(by)),
  goAway: () => frame('goAway', 0, 0, Buffer.concat([u32(0), u32(0)])),
  field,
  keptField,
  /** So many times what was kept last, a byte each. */
  references: (count: number) => Buffer.alloc(count, 0x80 | 62),
  callFields,
  END_HEADERS,
  END_STREAM,
} as const;
