/** The datatypes of the Open Inference Protocol: their bytes on the wire and the arrays that hold them here. */

/** BF16 is left out: no array of JavaScript and no tensor of the binding holds it. */
export type Datatype =
  | 'BOOL'
  | 'UINT8'
  | 'UINT16'
  | 'UINT32'
  | 'UINT64'
  | 'INT8'
  | 'INT16'
  | 'INT32'
  | 'INT64'
  | 'FP16'
  | 'FP32'
  | 'FP64'
  | 'BYTES';

export type FixedDatatype = Exclude<Datatype, 'BYTES'>;

export type NumberArray =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float32Array
  | Float64Array;

/** A tensor of a request or a response; values are row-major. */
export interface OipTensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  /** BOOL: bytes 0 and 1. FP16: its bits. BYTES: one element a value. */
  readonly data: NumberArray | readonly Uint8Array[];
}

interface ArrayType {
  readonly BYTES_PER_ELEMENT: number;
  new (length: number): NumberArray;
  new (buffer: ArrayBuffer): NumberArray;
}

export const ARRAY_OF: Readonly<Record<FixedDatatype, ArrayType>> = {
  BOOL: Uint8Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FP16: Uint16Array,
  FP32: Float32Array,
  FP64: Float64Array,
};

export const DATATYPES: readonly Datatype[] = [...(Object.keys(ARRAY_OF) as FixedDatatype[]), 'BYTES'];
