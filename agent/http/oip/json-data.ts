/** Tensor values in JSON: nested like the shape or flat, row-major, both ways. Pure. */
import { agentError } from '../../errors.ts';
import { countOf } from '../../inference/tensor.ts';
import { isElements } from './binary-data.ts';
import { ARRAY_OF, type Datatype, type FixedDatatype, type OipTensor } from './datatype.ts';
import { isLongInteger } from './exact-json.ts';

/** Least and greatest whole number; both are exact. */
const RANGES: Partial<Record<Datatype, readonly [number, number]>> = {
  UINT8: [0, 2 ** 8 - 1],
  UINT16: [0, 2 ** 16 - 1],
  UINT32: [0, 2 ** 32 - 1],
  INT8: [-(2 ** 7), 2 ** 7 - 1],
  INT16: [-(2 ** 15), 2 ** 15 - 1],
  INT32: [-(2 ** 31), 2 ** 31 - 1],
};
const RANGES_64: Partial<Record<Datatype, readonly [bigint, bigint]>> = {
  INT64: [-(2n ** 63n), 2n ** 63n - 1n],
  UINT64: [0n, 2n ** 64n - 1n],
};

/**
 * @param data of `JSON.parse`; a whole number beyond 2^53 is its decimal digits in a string (`parseExact`)
 * @throws CodedError REQUEST_INVALID
 */
export function readJson(
  tensor: { readonly name: string; readonly datatype: Datatype; readonly shape: readonly number[] },
  data: readonly unknown[],
): OipTensor['data'] {
  const { name, datatype, shape } = tensor;
  const values = flat(name, data, shape);
  if (datatype === 'BYTES') return values.map((value) => elementOf(name, value));
  if (datatype === 'FP16') {
    throw invalid(name, 'is FP16, which JSON cannot carry; send it as binary data');
  }
  const into = new ARRAY_OF[datatype](values.length);
  for (let i = 0; i < values.length; i++) into[i] = numberOf(name, datatype, values[i]);
  return into;
}

/** @throws CodedError REQUEST_INVALID: FP16, NaN and infinities are no JSON */
export function writeJson({ name, datatype, data }: OipTensor): string {
  if (isElements(data)) {
    return JSON.stringify(data.map((element) => Buffer.from(element).toString('utf8')));
  }
  if (datatype === 'FP16') throw notJson(name, 'is FP16');
  if (datatype === 'BOOL') return `[${Array.from(data as Uint8Array, (value) => value === 1).join(',')}]`;
  const isFloat = data instanceof Float32Array || data instanceof Float64Array;
  if (isFloat && data.some((value) => !Number.isFinite(value))) {
    throw notJson(name, 'holds NaN or an infinity');
  }
  // Writes a bigint as its digits, and a number as JSON does.
  return `[${data.join(',')}]`;
}

/** Nested exactly as the shape says, or flat with as many values. */
function flat(name: string, data: readonly unknown[], shape: readonly number[]): readonly unknown[] {
  const count = countOf(shape);
  if (!Array.isArray(data[0])) {
    if (data.length === count) return data;
    throw invalid(name, `has ${data.length} values, where its shape makes ${count}`);
  }
  const values: unknown[] = [];
  const walk = (part: unknown, depth: number): void => {
    if (depth === shape.length) {
      values.push(part);
      return;
    }
    if (!Array.isArray(part) || part.length !== shape[depth]) {
      throw invalid(name, `is not nested as its shape [${shape.join(',')}] says`);
    }
    for (const each of part) walk(each, depth + 1);
  };
  walk(data, 0);
  return values;
}

function numberOf(name: string, datatype: FixedDatatype, value: unknown): number | bigint {
  if (datatype === 'BOOL') {
    if (typeof value !== 'boolean') throw notA(name, value, 'true or false');
    return value ? 1 : 0;
  }
  const long = RANGES_64[datatype];
  if (long) return longOf(name, datatype, value, long);
  return shortOf(name, datatype, isLongInteger(value) ? Number(value) : value);
}

function shortOf(name: string, datatype: FixedDatatype, value: unknown): number {
  if (typeof value !== 'number') throw notA(name, value, 'a number');
  const range = RANGES[datatype];
  if (range && !(Number.isInteger(value) && value >= range[0] && value <= range[1])) {
    throw notA(name, value, `a whole number of ${datatype}`);
  }
  if (!Number.isFinite(datatype === 'FP32' ? Math.fround(value) : value)) {
    throw notA(name, value, `a finite ${datatype}`);
  }
  return value;
}

function longOf(name: string, datatype: Datatype, value: unknown, [least, most]: readonly [bigint, bigint]) {
  // More digits are out of range, and would take long to make a number of.
  const isWhole = Number.isSafeInteger(value) || (isLongInteger(value) && value.length <= 20);
  const whole = isWhole ? BigInt(value as number | string) : undefined;
  if (whole === undefined || whole < least || whole > most) {
    throw notA(name, value, `a whole number of ${datatype}`);
  }
  return whole;
}

function elementOf(name: string, value: unknown): Uint8Array {
  if (typeof value !== 'string') throw notA(name, value, 'a string');
  return Buffer.from(value, 'utf8');
}

function notA(name: string, value: unknown, what: string) {
  return invalid(name, `has the value ${short(value)}, which is not ${what}`);
}

/** A list is not written out: a stranger's may be nested deeper than any stack. */
function short(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? '[…]' : '{…}';
  return JSON.stringify(typeof value === 'string' ? value.slice(0, 40) : value);
}

function invalid(name: string, message: string) {
  return agentError('REQUEST_INVALID', `input '${name}' ${message}`);
}

function notJson(name: string, why: string) {
  return agentError(
    'REQUEST_INVALID',
    `output '${name}' ${why}, which JSON cannot carry; ask for binary data`,
  );
}
