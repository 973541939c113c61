/**
 * Reads the simple lines of a CSV file straight from their bytes into the model's input: no quotes, every feature there.
 * Whatever is not simple is left to the agent's own reader, so that this one needs no rules of its own.
 */
import { cellValue } from '../../agent/sources/cell.ts';
import { LIMITS } from '../../protocol/limits.ts';
import type { Manifest } from '../../protocol/manifest.ts';
import type { BlockRows } from './block-rows.ts';

const QUOTE = 0x22;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;

/** Up to 15 digits are exact in a double, and so is a power of ten up to 22: their quotient is what Number() gives. */
const EXACT_DIGITS = 15;
const POWERS = Array.from({ length: EXACT_DIGITS + 1 }, (_, i) => 10 ** i);

/** What a column is for. */
const IGNORED = -1;
const KEY = -2;

export interface CsvScanOptions {
  readonly columns: readonly string[];
  readonly delimiter: string;
  readonly input: Extract<Manifest['input'], { kind: 'features' }>;
  readonly key: string | null;
  /** Feature -> column. */
  readonly columnOf: (feature: string) => string;
  readonly keep: readonly string[];
}

export class CsvScan {
  readonly #delimiter: number;
  /** Column -> index of its feature, KEY or IGNORED. */
  readonly #targets: Int32Array;
  /** Feature -> how its categories are written, where it has them. */
  readonly #categories: readonly (ReadonlyMap<string, number> | null)[];
  /** Column -> its place among the kept ones, or -1. */
  readonly #keepAt: Int32Array;
  readonly #keptCount: number;
  readonly #kept: string[];

  constructor({ columns, delimiter, input, key, columnOf, keep }: CsvScanOptions) {
    this.#delimiter = delimiter.charCodeAt(0);
    const featureAt = new Map(input.features.map(({ name }, i) => [columnOf(name), i]));
    this.#targets = Int32Array.from(columns, (column) =>
      column === key ? KEY : (featureAt.get(column) ?? IGNORED),
    );
    this.#categories = input.features.map(({ categories }) =>
      categories ? plainCategories(categories) : null,
    );
    this.#keepAt = Int32Array.from(columns, (column) => keep.indexOf(column));
    this.#keptCount = keep.length;
    this.#kept = new Array<string>(keep.length).fill('');
  }

  /** @returns whether the line was simple, and is a row now; if not, `rows` is as before */
  scan(bytes: Buffer, start: number, end: number, rows: BlockRows): boolean {
    const data = rows.room();
    const at = rows.places.length * rows.width;
    const targets = this.#targets;
    const delimiter = this.#delimiter;
    const last = targets.length - 1;
    let key: string | null = null;
    let i = start;
    for (let column = 0; column <= last; column++) {
      const from = i;
      const target = targets[column] as number;
      const categories = target >= 0 ? this.#categories[target] : null;
      let simple = false;
      if (target >= 0 && !categories) {
        const negative = bytes[i] === MINUS;
        if (negative) i += 1;
        let mantissa = 0;
        let digits = 0;
        let pointAt = -1;
        for (; i < end; i++) {
          const digit = (bytes[i] as number) - ZERO;
          if (digit >= 0 && digit <= 9) {
            mantissa = mantissa * 10 + digit;
            digits += 1;
          } else if (bytes[i] === POINT && pointAt < 0) pointAt = digits;
          else break;
        }
        simple = digits > 0 && digits <= EXACT_DIGITS && (i === end || bytes[i] === delimiter);
        if (simple) {
          const value = pointAt < 0 ? mantissa : mantissa / (POWERS[digits - pointAt] as number);
          data[at + target] = negative ? -value : value;
        }
      }
      if (!simple) {
        for (; i < end && bytes[i] !== delimiter; i++) if (bytes[i] === QUOTE) return false;
        if (target >= 0) {
          const text = textOf(bytes, from, i);
          const value = categories ? categories.get(text) : cellValue(text);
          if (typeof value !== 'number' || !Number.isFinite(Math.fround(value))) return false;
          data[at + target] = value;
        } else if (target === KEY) {
          key = textOf(bytes, from, i) || null;
          if (key !== null && key.length > LIMITS.correlationIdChars) return false;
        }
      }
      const keepAt = this.#keepAt[column] as number;
      if (keepAt >= 0) this.#kept[keepAt] = textOf(bytes, from, i);
      // The delimiter after this cell, or the end after the last one.
      if (column < last !== i < end) return false;
      i += 1;
    }
    for (let k = 0; k < this.#keptCount; k++) rows.kept.push(this.#kept[k] as string);
    rows.accept(key);
    return true;
  }
}

function textOf(bytes: Buffer, from: number, to: number): string {
  return bytes.toString('utf8', from, to).trim();
}

/** Those that a cell means when it says just that: a category "1.0" is not one, since the cell 1.0 means the number 1. */
function plainCategories(categories: readonly string[]): ReadonlyMap<string, number> {
  return new Map(
    categories
      .map((category, i) => [category, i] as const)
      .filter(([text]) => String(cellValue(text)) === text),
  );
}
