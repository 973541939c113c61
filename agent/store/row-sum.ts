/**
 * A checksum over the values of a row, so that a bit that turned on the disk is seen: SQLite keeps none. Words are mixed in
 * as Firefox does (AddU32ToHash, mfbt/HashFunctions.h), the sum is finished as MurmurHash3 does (fmix32, Austin Appleby,
 * https://github.com/aappleby/smhasher), and the upper 24 bits stay: another row has the same once in 16.8 million times.
 */

export type RowValue = string | number | Uint8Array | null;

const SEED = 0x5eed;
/** One bit in a row's head makes a text a blob of the same bytes. */
const [NOTHING, TEXT, BLOB] = [0x6e756c6c, 0x74657874, 0x626c6f62];

const double = new Float64Array(1);
const halves = new Int32Array(double.buffer);

/**
 * Of `row[from]` up to before `row[to]`; the same for values that SQLite gives back otherwise: -0, halves of surrogate pairs.
 * @returns a signed integer of 24 bits, which takes three bytes in SQLite
 */
export function rowSum(row: readonly RowValue[], from = 0, to = row.length): number {
  let sum = SEED;
  for (let i = from; i < to; i++) {
    const value = row[i] as RowValue;
    if (typeof value === 'number') sum = withNumber(sum, value);
    else if (typeof value === 'string') sum = withText(sum, value);
    else if (value === null) sum = withWord(sum, NOTHING);
    else sum = withBytes(sum, value);
  }
  return finished(sum) >> 8;
}

function withNumber(sum: number, value: number): number {
  if ((value | 0) === value) return withWord(sum, value);
  double[0] = value;
  return withWord(withWord(sum, halves[0] as number), halves[1] as number);
}

function withText(sum: number, text: string): number {
  let mixed = withWord(sum, TEXT ^ text.length);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && (unit < 0xe000 || unit === 0xfffd)) return withUnits(sum, heldText(text));
    mixed = withWord(mixed, unit);
  }
  return mixed;
}

function withUnits(sum: number, text: string): number {
  let mixed = withWord(sum, TEXT ^ text.length);
  for (let i = 0; i < text.length; i++) mixed = withWord(mixed, text.charCodeAt(i));
  return mixed;
}

/** How many U+FFFD come back for what cannot be written as UTF-8 is the binding's affair. */
function heldText(text: string): string {
  return text.replace(/[\p{Surrogate}\ufffd]+/gu, '\ufffd');
}

function withBytes(sum: number, bytes: Uint8Array): number {
  let mixed = withWord(sum, BLOB ^ bytes.length);
  const words = bytes.length - (bytes.length % 4);
  for (let i = 0; i < words; i += 4) mixed = withWord(mixed, wordAt(bytes, i));
  for (let i = words; i < bytes.length; i++) mixed = withWord(mixed, bytes[i] as number);
  return mixed;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

/** For a given sum another word always gives another sum, and for a given word another sum does. */
function withWord(sum: number, word: number): number {
  return Math.imul(((sum << 5) | (sum >>> 27)) ^ word, 0x9e3779b9);
}

function finished(sum: number): number {
  let mixed = sum ^ (sum >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
