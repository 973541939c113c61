/** Decoders with a bug each, which the fuzz must find: what shows that it would find one of ours. */
import { decode } from '@msgpack/msgpack';
import { protocolError } from '../../../protocol/errors.ts';
import type { Decoder } from './decoders.ts';

const SEED = Buffer.from(JSON.stringify({ v: 1, device: 'press-1', slots: { press: { share: 0.5 } } }));

/** A length in its first four bytes, then so many bytes. */
const framed = Buffer.concat([Buffer.of(4, 0, 0, 0), Buffer.from('body')]);

export const PLANTED: readonly Decoder[] = [
  {
    name: 'planted: trusts that a field is text',
    seeds: [SEED],
    decode: (bytes) => parse(bytes).device?.trim(),
  },
  {
    name: 'planted: walks into any depth',
    seeds: [SEED],
    decode: (bytes) => depthOf(parse(bytes)),
  },
  {
    name: 'planted: writes into the prototype of all objects',
    seeds: [SEED],
    decode: (bytes) => {
      const slots: Record<string, Record<string, unknown>> = {};
      for (const name of Object.keys(parse(bytes).slots ?? {}))
        slots[name] = Object.assign(slots[name] ?? {}, { on: 1 });
      if ('on' in {}) {
        Reflect.deleteProperty(Object.prototype, 'on');
        throw new TypeError('every object is on');
      }
    },
  },
  {
    name: 'planted: reads a length and believes it',
    seeds: [framed],
    decode: (bytes) => {
      if (bytes.length < 4) throw protocolError('PAYLOAD_TRUNCATED', 'short');
      return Buffer.alloc(Math.min(bytes.readUInt32LE(0), 2 ** 28)).fill(1);
    },
  },
  {
    name: 'planted: waits for bytes that never come',
    seeds: [framed],
    decode: (bytes) => {
      if (bytes.length < 4) throw protocolError('PAYLOAD_TRUNCATED', 'short');
      for (let at = 0; at < bytes.readUInt32LE(0); ) at += bytes.subarray(at, at + 4).length;
    },
  },
  {
    name: 'planted: lets an error of a library through',
    seeds: [SEED],
    decode: (bytes) => decode(bytes),
  },
];

interface Message {
  readonly device?: string;
  readonly slots?: Record<string, unknown>;
}

function parse(bytes: Buffer): Message {
  try {
    return (JSON.parse(bytes.toString('utf8')) ?? {}) as Message;
  } catch (cause) {
    throw protocolError('PAYLOAD_MALFORMED', 'not JSON', { cause });
  }
}

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}
