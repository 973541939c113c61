/** The wire format of Protocol Buffers 3 (https://protobuf.dev/programming-guides/encoding), for messages told by tables. Pure. */
import { agentError } from '../../errors.ts';

type Scalar = 'bool' | 'int32' | 'int64' | 'uint32' | 'uint64' | 'float' | 'double' | 'string' | 'bytes';

export interface Field {
  readonly name: string;
  /** An enum is an int32; a map a repeated message of `key` = 1 and `value` = 2. */
  readonly type: Scalar | Message;
  readonly repeated?: boolean;
  /** One of several: that it is there says something, whatever its value. */
  readonly oneOf?: boolean;
}

/** Field number -> field. */
export type Message = Readonly<Record<number, Field>>;

/** By name: what is not there is absent, or an empty list. 64-bit integers are bigints. */
export type Decoded = Record<string, unknown>;

const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const FIXED32 = 5;
const WIRE_TYPES: Readonly<Record<Scalar, number>> = {
  bool: VARINT,
  int32: VARINT,
  int64: VARINT,
  uint32: VARINT,
  uint64: VARINT,
  float: FIXED32,
  double: FIXED64,
  string: DELIMITED,
  bytes: DELIMITED,
};
const MAX_VARINT_BYTES = 10;
/** As many are exact in a double. */
const EXACT_VARINT_BYTES = 7;

/** What one message may hold with all that is in it: a list takes far more memory than its bytes. */
const MAX_VALUES = 1_048_576;
const MAX_MESSAGES = 10_000;

interface Budget {
  values: number;
  messages: number;
}

/**
 * Bytes of the result look into those given.
 * @throws CodedError REQUEST_INVALID for what is no such message, REQUEST_TOO_LARGE for too many values or messages in it
 */
export function decodeMessage(message: Message, bytes: Buffer): Decoded {
  return decode(message, bytes, { values: MAX_VALUES, messages: MAX_MESSAGES });
}

function decode(message: Message, bytes: Buffer, budget: Budget): Decoded {
  budget.messages -= 1;
  if (budget.messages < 0) throw tooLarge(`more than ${MAX_MESSAGES} messages`);
  const reader = new WireReader(bytes);
  const decoded: Decoded = {};
  for (const { name, repeated } of Object.values(message)) if (repeated) decoded[name] = [];
  while (!reader.isAtEnd) {
    const tag = reader.number();
    const field = message[Math.floor(tag / 8)];
    const wireType = tag % 8;
    if (!field) {
      reader.skip(wireType);
      continue;
    }
    const values = valuesOf(field, wireType, reader, budget);
    if (field.repeated) for (const value of values) (decoded[field.name] as unknown[]).push(value);
    else if (values.length > 0) decoded[field.name] = values.at(-1);
  }
  return decoded;
}

/** More than one for a packed list. */
function valuesOf(
  { name, type, repeated }: Field,
  wireType: number,
  reader: WireReader,
  budget: Budget,
): unknown[] {
  if (typeof type === 'object') {
    if (wireType !== DELIMITED) throw malformed(`field "${name}" is no message`);
    return [decode(type, reader.delimited(), budget)];
  }
  const scalar = (from: WireReader) => {
    budget.values -= 1;
    if (budget.values < 0) throw tooLarge(`more than ${MAX_VALUES} values outside raw_input_contents`);
    return from.scalar(type);
  };
  if (wireType === WIRE_TYPES[type]) return [scalar(reader)];
  if (!repeated || wireType !== DELIMITED) throw malformed(`field "${name}" is no ${type}`);
  const packed = new WireReader(reader.delimited());
  const values: unknown[] = [];
  while (!packed.isAtEnd) values.push(scalar(packed));
  return values;
}

const SHORT = 'it ends in the middle of a field';

class WireReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  varint(): bigint {
    let value = 0n;
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << BigInt(7 * i);
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw malformed('a number has more than 10 bytes');
  }

  /** A varint that is exact as a number; rounded where it is larger than any length or tag. */
  number(): number {
    const start = this.#at;
    let value = 0;
    for (let i = 0; i < EXACT_VARINT_BYTES; i++) {
      const byte = this.#byte();
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return value;
    }
    this.#at = start;
    return Number(this.varint());
  }

  delimited(): Buffer {
    return this.#take(this.number());
  }

  scalar(type: Scalar): unknown {
    switch (type) {
      case 'bool':
        return this.number() !== 0;
      case 'int32':
        // A negative one has ten bytes.
        return Number(BigInt.asIntN(32, this.varint()));
      case 'uint32':
        return this.number() >>> 0;
      case 'int64':
        return BigInt.asIntN(64, this.varint());
      case 'uint64':
        return this.varint();
      case 'float':
        return this.#take(4).readFloatLE();
      case 'double':
        return this.#take(8).readDoubleLE();
      case 'string':
        return this.delimited().toString('utf8');
      case 'bytes':
        return this.delimited();
    }
  }

  skip(wireType: number): void {
    if (wireType === VARINT) this.varint();
    else if (wireType === FIXED64) this.#take(8);
    else if (wireType === DELIMITED) this.delimited();
    else if (wireType === FIXED32) this.#take(4);
    else throw malformed(`there is no wire type ${wireType}`);
  }

  #byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw malformed(SHORT);
    this.#at += 1;
    return byte;
  }

  #take(count: number): Buffer {
    if (count > this.#bytes.length - this.#at) throw malformed(SHORT);
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }
}

/** @param value by name; what is undefined or has the value that stands for nothing is left out @throws RangeError */
export function encodeMessage(message: Message, value: Readonly<Record<string, unknown>>): Buffer {
  const parts: Buffer[] = [];
  for (const [number, field] of Object.entries(message)) {
    const given = value[field.name];
    const all = field.repeated ? ((given ?? []) as readonly unknown[]) : isSent(field, given) ? [given] : [];
    for (const each of all) parts.push(...encodedField(Number(number), field.type, each));
  }
  return Buffer.concat(parts);
}

function encodedField(number: number, type: Field['type'], value: unknown): Buffer[] {
  if (typeof type === 'object') {
    const bytes = encodeMessage(type, value as Record<string, unknown>);
    return [varintBytes(number * 8 + DELIMITED), varintBytes(bytes.length), bytes];
  }
  const tag = varintBytes(number * 8 + WIRE_TYPES[type]);
  switch (type) {
    case 'string':
    case 'bytes': {
      const bytes = typeof value === 'string' ? Buffer.from(value) : (value as Buffer);
      return [tag, varintBytes(bytes.length), bytes];
    }
    case 'float':
    case 'double': {
      const bytes = Buffer.alloc(type === 'float' ? 4 : 8);
      if (type === 'float') bytes.writeFloatLE(value as number);
      else bytes.writeDoubleLE(value as number);
      return [tag, bytes];
    }
    default:
      return [tag, varintBytes(BigInt.asUintN(64, BigInt(value as number | bigint | boolean)))];
  }
}

function isSent({ oneOf }: Field, value: unknown): boolean {
  if (value === undefined) return false;
  return oneOf === true || !(value === '' || value === 0 || value === 0n || value === false);
}

function varintBytes(value: number | bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

function tooLarge(what: string) {
  return agentError('REQUEST_TOO_LARGE', `the message has ${what}`);
}

function malformed(why: string) {
  return agentError('REQUEST_INVALID', `the message is malformed: ${why}`);
}
