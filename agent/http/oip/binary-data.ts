/** The binary tensor data extension: raw little-endian values; an element of BYTES is its length (u32) and its bytes. Pure. */
import { agentError } from '../../errors.ts';
import { countOf } from '../../inference/tensor.ts';
import { ARRAY_OF, type Datatype, type NumberArray, type OipTensor } from './datatype.ts';

const LENGTH_BYTES = 4;

interface Place {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
}

/**
 * The values of a tensor, copied from its bytes: where they stand in a body, they need not be aligned.
 * @throws CodedError REQUEST_INVALID
 */
export function readBinary(tensor: Place, bytes: Buffer): OipTensor['data'] {
  const { name, datatype, shape } = tensor;
  const count = countOf(shape);
  if (datatype === 'BYTES') return readElements(name, bytes, count);
  const Values = ARRAY_OF[datatype];
  const wanted = count * Values.BYTES_PER_ELEMENT;
  if (bytes.length !== wanted) {
    throw invalid(`input '${name}' has ${bytes.length} bytes, where its shape and datatype make ${wanted}`);
  }
  const copy = new ArrayBuffer(wanted);
  new Uint8Array(copy).set(bytes);
  if (datatype === 'BOOL' && bytes.some((byte) => byte > 1)) {
    throw invalid(`input '${name}' is BOOL and has a byte that is neither 0 nor 1`);
  }
  return new Values(copy);
}

function readElements(name: string, bytes: Buffer, count: number): Uint8Array[] {
  // Checked first, so that a shape alone takes no memory.
  if (count * LENGTH_BYTES > bytes.length) {
    throw invalid(`input '${name}' has ${bytes.length} bytes, too few for ${count} elements of BYTES`);
  }
  const elements: Uint8Array[] = [];
  let at = 0;
  while (at + LENGTH_BYTES <= bytes.length && elements.length < count) {
    const end = at + LENGTH_BYTES + bytes.readUInt32LE(at);
    if (end > bytes.length) break;
    elements.push(bytes.subarray(at + LENGTH_BYTES, end));
    at = end;
  }
  if (elements.length !== count || at !== bytes.length) {
    throw invalid(`input '${name}' is no ${count} elements of BYTES: lengths and bytes do not fit`);
  }
  return elements;
}

/** Bytes that `writeBinary` writes. */
export function binarySize({ data }: Pick<OipTensor, 'data'>): number {
  if (isElements(data)) return data.reduce((sum, element) => sum + LENGTH_BYTES + element.length, 0);
  return data.byteLength;
}

/** @returns the index after the last byte written */
export function writeBinary({ data }: Pick<OipTensor, 'data'>, into: Buffer, at: number): number {
  if (!isElements(data)) {
    into.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    return at + data.byteLength;
  }
  let next = at;
  for (const element of data) {
    next = into.writeUInt32LE(element.length, next);
    into.set(element, next);
    next += element.length;
  }
  return next;
}

export function isElements(data: NumberArray | readonly Uint8Array[]): data is readonly Uint8Array[] {
  return Array.isArray(data);
}

function invalid(message: string) {
  return agentError('REQUEST_INVALID', message);
}
