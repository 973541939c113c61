/** Inputs for a decoder: random bytes, and valid inputs with something of them changed, as a line, a disk or an attacker would. */
import { decode, encode } from '@msgpack/msgpack';
import fc from 'fast-check';

/** What a length, a count, a version or a time is changed to. */
const NUMBERS = [0, 1, -1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 53, -(2 ** 53), 1e308, 0.1, 1e-308];
const WORDS = ['', '__proto__', 'constructor', 'toString', '../x', '\0', 'é', '\ud800', 'x'.repeat(300)];
/** What takes long where something is quadratic; seldom, for it takes long anyway. */
const LONG_WORDS = ['x'.repeat(10_000), '://'.repeat(20_000), '\n"x","y'.repeat(5000)];
/** Deeper than a walk over it may go; written as text, for nobody can build such a value. */
const DEPTH = 20_000;
const DEEP = 'stands for a deep value';
const MANY = 300;
const MOST_CHANGES = 4;
const MOST_BYTES = 200_000;

type Change = (bytes: Buffer) => Buffer;

/** @param seeds valid inputs; text, msgpack or a layout of their own */
export function inputs(seeds: readonly Buffer[]): fc.Arbitrary<Buffer> {
  const seed = fc.constantFrom(...seeds);
  const random = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
  const changed = fc
    .tuple(seed, fc.array(change(seed), { minLength: 1, maxLength: MOST_CHANGES }))
    .map(([bytes, changes]) => changes.reduce((so, each) => each(so), bytes).subarray(0, MOST_BYTES));
  const rebuilt = fc
    .tuple(seed, fc.integer(), valueChange)
    .map(([bytes, place, to]) => rebuild(bytes, place, to));
  return fc.oneof(
    { weight: 1, arbitrary: random },
    { weight: 1, arbitrary: seed },
    { weight: 5, arbitrary: changed },
    { weight: 3, arbitrary: rebuilt },
  );
}

/** Changes of bytes, whatever they mean. */
function change(other: fc.Arbitrary<Buffer>): fc.Arbitrary<Change> {
  const place = fc.double({ min: 0, max: 1, noNaN: true });
  const at = (bytes: Buffer, share: number) => Math.min(bytes.length - 1, Math.floor(share * bytes.length));
  const flip = fc.tuple(place, fc.integer({ min: 0, max: 7 })).map(
    ([share, bit]): Change =>
      (bytes) => {
        if (bytes.length === 0) return bytes;
        const copy = Buffer.from(bytes);
        const index = at(copy, share);
        copy.writeUInt8(copy.readUInt8(index) ^ (1 << bit), index);
        return copy;
      },
  );
  const cut = place.map(
    (share): Change =>
      (bytes) =>
        bytes.subarray(0, Math.floor(share * bytes.length)),
  );
  const splice = fc.tuple(place, place, other).map(
    ([from, to, with_]): Change =>
      (bytes) =>
        Buffer.concat([bytes.subarray(0, at(bytes, from)), with_.subarray(at(with_, to))]),
  );
  const repeat = fc.tuple(place, fc.integer({ min: 1, max: 64 })).map(
    ([share, times]): Change =>
      (bytes) =>
        Buffer.concat(
          Array(times)
            .fill(bytes.subarray(at(bytes, share)))
            .slice(0, 64),
        ).subarray(0, MOST_BYTES),
  );
  const number = fc.tuple(place, fc.constantFrom(...NUMBERS), fc.constantFrom(1, 2, 4, 8)).map(
    ([share, value, width]): Change =>
      (bytes) => {
        const copy = Buffer.from(bytes);
        const offset = Math.floor(share * Math.max(0, copy.length - width));
        if (copy.length < width) return copy;
        const whole = BigInt.asUintN(8 * width, BigInt(Math.trunc(value)));
        for (let i = 0; i < width; i++) copy.writeUInt8(Number((whole >> BigInt(8 * i)) & 255n), offset + i);
        return copy;
      },
  );
  const insert = fc.tuple(place, fc.uint8Array({ minLength: 1, maxLength: 32 })).map(
    ([share, bytes]): Change =>
      (so) => {
        const index = at(so, share);
        return Buffer.concat([so.subarray(0, index), bytes, so.subarray(index)]);
      },
  );
  return fc.oneof(flip, cut, splice, repeat, number, insert);
}

type ValueChange = (value: unknown) => unknown;

const smallChange: fc.Arbitrary<ValueChange> = fc.oneof(
  fc.constantFrom<unknown>(...NUMBERS, ...WORDS, null, true, [], {}).map(becomes),
  fc.constantFrom(...WORDS).map(
    (key): ValueChange =>
      (value) => {
        // By its text: an object literal would set the prototype.
        const entries = isObject(value) ? Object.entries(value) : [];
        return JSON.parse(
          `{${[...entries, [key, value]].map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v) ?? 'null'}`).join(',')}}`,
        );
      },
  ),
  fc.constant<ValueChange>((value) =>
    isObject(value) ? Object.fromEntries(Object.entries(value).slice(1)) : undefined,
  ),
);

const largeChange: fc.Arbitrary<ValueChange> = fc.oneof(
  fc.constantFrom(...LONG_WORDS).map(becomes),
  fc.constant<ValueChange>((value) => Array(MANY).fill(value)),
  fc.constant(becomes(DEEP)),
);

const valueChange = fc.oneof({ weight: 9, arbitrary: smallChange }, { weight: 1, arbitrary: largeChange });

function becomes(to: unknown): ValueChange {
  return () => to;
}

/** Changes one value inside of what these bytes mean, and writes it down again: as JSON, or as msgpack. */
function rebuild(bytes: Buffer, place: number, to: ValueChange): Buffer {
  const json = parseOr(() => JSON.parse(bytes.toString('utf8')));
  if (json !== undefined) {
    const text = JSON.stringify(changeInside(json, place, to)) ?? '';
    return Buffer.from(text.replace(`"${DEEP}"`, '['.repeat(DEPTH) + ']'.repeat(DEPTH))).subarray(
      0,
      MOST_BYTES,
    );
  }
  const value = parseOr(() => decode(bytes));
  if (value === undefined) return Buffer.concat([bytes, bytes]);
  const encoded = Buffer.from(encode(changeInside(value, place, to)));
  const mark = Buffer.from(encode(DEEP));
  const at = encoded.indexOf(mark);
  if (at < 0) return encoded.subarray(0, MOST_BYTES);
  /** Arrays of one, and null in the innermost. */
  const deep = Buffer.concat([Buffer.alloc(DEPTH, 0x91), Buffer.of(0xc0)]);
  return Buffer.concat([encoded.subarray(0, at), deep, encoded.subarray(at + mark.length)]);
}

function parseOr(parse: () => unknown): unknown {
  try {
    return parse();
  } catch {
    return undefined;
  }
}

function changeInside(value: unknown, place: number, to: ValueChange): unknown {
  const keys = isObject(value) && !(value instanceof Uint8Array) ? Object.keys(value) : [];
  const step = Math.abs(place);
  if (keys.length === 0 || step % 7 === 0) return to(value);
  const chosen = keys[step % keys.length] ?? '';
  const inner = changeInside((value as Record<string, unknown>)[chosen], Math.trunc(step / 3), to);
  if (Array.isArray(value)) return value.map((each, i) => (String(i) === chosen ? inner : each));
  return { ...(value as object), [chosen]: inner };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
