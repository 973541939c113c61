import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../../agent/sources/random.ts';
import { openPlain } from '../../../agent/store/database.ts';
import { type RowValue, rowSum } from '../../../agent/store/row-sum.ts';

const MISS_SHARE = 2 ** -24;

function prediction(seq: number): RowValue[] {
  const features = new Uint8Array(Float32Array.from({ length: 27 }, (_, i) => seq / (i + 1)).buffer);
  return [seq, 1_764_000_000_000 + seq, 3, `L${1_000_000 + seq}`, seq % 7, seq / 4096, 120, 0, 0, features];
}

/** Every row that differs from this one by one bit of one value. */
function* withATurnedBit(row: readonly RowValue[]): Generator<RowValue[]> {
  for (const [i, value] of row.entries()) {
    const bytes = bytesOf(value);
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const turned = Uint8Array.from(bytes);
      turned[bit >> 3] = (turned[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const other = valueFrom(turned, value);
      // A zero with a sign.
      if (other !== value) yield row.with(i, other);
    }
  }
}

function bytesOf(value: RowValue): Uint8Array {
  if (typeof value === 'number') return new Uint8Array(Float64Array.of(value).buffer);
  return typeof value === 'string' ? Buffer.from(value) : (value ?? new Uint8Array());
}

function valueFrom(bytes: Uint8Array, like: RowValue): RowValue {
  if (typeof like === 'number') return new Float64Array(bytes.buffer)[0] ?? 0;
  return typeof like === 'string' ? Buffer.from(bytes).toString() : bytes;
}

describe('the checksum of a row', () => {
  it('is another one after any bit of any value has turned', () => {
    const row = prediction(2500);
    const turned = [...withATurnedBit(row)];
    expect(turned.length).toBeGreaterThan(1400);
    expect(turned.filter((each) => rowSum(each) === rowSum(row))).toEqual([]);
  });

  it('misses no more of what is turned over and over than one of that length must', () => {
    const random = new Random(1);
    const row = prediction(77);
    const sum = rowSum(row);
    const rounds = 300_000;
    let missed = 0;
    for (let i = 0; i < rounds; i++) {
      const features = Uint8Array.from({ length: 12 }, () => random.uniform() * 256);
      missed +=
        rowSum([77, random.uniform() * 1e9, 0, null, 1, random.uniform(), 9, 0, 0, features]) === sum ? 1 : 0;
    }
    // Five would come about once in 10^11 runs.
    expect(missed).toBeLessThan(5);
    expect(rounds * MISS_SHARE).toBeLessThan(0.02);
  });

  it('spreads rows that are much alike over all its values', () => {
    const rows = 2 ** 16;
    const sums = new Set(
      Array.from({ length: rows }, (_, i) => rowSum([i, 0, 3, null, 0, 0.5, 120, 0, 0, null])),
    );
    // Of numbers drawn by chance n^2 / 2 / 2^24 = 128 would be there already, give or take 11.
    expect(rows - sums.size).toBeGreaterThan(64);
    expect(rows - sums.size).toBeLessThan(192);
    expect([Math.min(...sums) < -8_380_000, Math.max(...sums) > 8_380_000]).toEqual([true, true]);
    expect([Math.min(...sums) >= -(2 ** 23), Math.max(...sums) < 2 ** 23]).toEqual([true, true]);
  });

  it('tells apart what is alike', () => {
    const alike = [
      [null],
      [0],
      [''],
      ['\0'],
      [Buffer.alloc(0)],
      [Buffer.alloc(1)],
      [0, 0],
      ['0'],
      [null, null],
    ];
    expect(new Set(alike.map((row) => rowSum(row))).size).toBe(alike.length);
    expect(rowSum(['ab', 'c'])).not.toBe(rowSum(['a', 'bc']));
  });

  it('is that of the same part of a longer row', () => {
    const row = prediction(1);
    expect(rowSum(['before', ...row, 'behind'], 1, 1 + row.length)).toBe(rowSum(row));
  });

  it('stays what it is: the rows of a store carry it for years', () => {
    expect([rowSum([]), rowSum(prediction(1)), rowSum(['Prüfung ✓', -1.5, null])]).toEqual([
      -2096999, 7396722, 324212,
    ]);
  });

  it('is the same for a row that SQLite gives back, and for SQLite itself', () => {
    const sqlite = openPlain(':memory:');
    sqlite.exec('CREATE TABLE rows (i INTEGER, t TEXT, r REAL, b BLOB)');
    const insert = sqlite
      .prepare('INSERT INTO rows VALUES (?, ?, ?, ?) RETURNING *, row_sum(i, t, r, b)')
      .raw();
    const number = fc.oneof(
      fc.double({ noNaN: true }),
      fc.integer(),
      fc.maxSafeInteger(),
      fc.constantFrom(0, -0),
    );
    const text = fc.string({ unit: 'binary' });
    // Halves of surrogate pairs, too.
    const units = fc.array(fc.integer({ min: 0, max: 0xffff })).map((codes) => String.fromCharCode(...codes));
    const orNull = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null });
    fc.assert(
      fc.property(
        ...[orNull(number), orNull(fc.oneof(text, units)), orNull(number)],
        orNull(fc.uint8Array().map((bytes) => Buffer.from(bytes))),
        (...row) => {
          const [held, ofSqlite] = split(insert.get(...row) as RowValue[]);
          expect([rowSum(held), ofSqlite]).toEqual([rowSum(row), rowSum(row)]);
        },
      ),
      { numRuns: 2000 },
    );
    sqlite.close();
  });
});

function split(row: RowValue[]): [RowValue[], RowValue | undefined] {
  return [row.slice(0, -1), row.at(-1)];
}
