/**
 * What an ONNX file says of itself: opset, inputs, outputs, kinds of nodes, and whether its weights stand in other files.
 * Field numbers from onnx/onnx.proto. Read by offsets, nothing is copied, and a damaged file ends in a coded error.
 */
import { cliError } from '../errors.ts';

export interface OnnxValue {
  readonly name: string;
  /** As ONNX Runtime names it; undefined for what is no tensor (a sequence of maps, as of an sklearn classifier). */
  readonly dtype: string | undefined;
  /** A size that is free is its name, or empty. */
  readonly shape: readonly (number | string)[];
}

export interface OnnxGraph {
  readonly opset: number;
  /** Without the weights that older files list among them. */
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly ops: ReadonlySet<string>;
  readonly hasExternalData: boolean;
}

/** TensorProto.DataType, by its numbers. */
const DTYPES =
  'undefined float32 uint8 int8 uint16 int16 int32 int64 string bool float16 float64 uint32 uint64'.split(
    ' ',
  );
const EXTERNAL = 1;

/** @throws CodedError MLFLOW_MODEL_UNSUPPORTED */
export function readOnnxGraph(bytes: Buffer): OnnxGraph {
  try {
    const model = fieldsOf(bytes);
    const graph = model.find(({ number }) => number === 7)?.bytes;
    if (!graph) throw new RangeError('it has no graph');
    return graphOf(graph, opsetOf(model));
  } catch (cause) {
    throw cliError(
      'MLFLOW_MODEL_UNSUPPORTED',
      `This model cannot run on a device: its ONNX file is damaged.`,
      {
        hint: 'Check it where it was made: onnx.checker.check_model. Then log it again.',
        cause,
      },
    );
  }
}

function opsetOf(model: readonly Field[]): number {
  const imports = model.filter(({ number }) => number === 8).map(({ bytes }) => fieldsOf(bytes));
  const own = imports.find((fields) => ['', 'ai.onnx'].includes(textIn(fields, 1)));
  return own ? numberIn(own, 2) : 0;
}

function graphOf(bytes: Buffer, opset: number): OnnxGraph {
  const inputs: OnnxValue[] = [];
  const outputs: OnnxValue[] = [];
  const ops = new Set<string>();
  const weights = new Set<string>();
  let hasExternalData = false;
  for (const field of fieldsOf(bytes)) {
    switch (field.number) {
      case 1:
        ops.add(textIn(fieldsOf(field.bytes), 4));
        break;
      case 5: {
        const tensor = fieldsOf(field.bytes);
        weights.add(textIn(tensor, 8));
        hasExternalData ||= numberIn(tensor, 14) === EXTERNAL;
        break;
      }
      case 11:
        inputs.push(ioOf(field.bytes));
        break;
      case 12:
        outputs.push(ioOf(field.bytes));
    }
  }
  return { opset, inputs: inputs.filter(({ name }) => !weights.has(name)), outputs, ops, hasExternalData };
}

/** ValueInfoProto: name, type { tensor_type { elem_type, shape { dim { dim_value | dim_param } } } }. */
function ioOf(bytes: Buffer): OnnxValue {
  const value = fieldsOf(bytes);
  const type = value.find(({ number }) => number === 2);
  const tensor = type && fieldsOf(type.bytes).find(({ number }) => number === 1);
  if (!tensor) return { name: textIn(value, 1), dtype: undefined, shape: [] };
  const parts = fieldsOf(tensor.bytes);
  const shape = parts.find(({ number }) => number === 2);
  const sizes = shape ? fieldsOf(shape.bytes).filter(({ number }) => number === 1) : [];
  return {
    name: textIn(value, 1),
    dtype: DTYPES[numberIn(parts, 1)],
    shape: sizes.map(({ bytes: size }) => {
      const fields = fieldsOf(size);
      return fields.some(({ number }) => number === 1) ? numberIn(fields, 1) : textIn(fields, 2);
    }),
  };
}

interface Field {
  readonly number: number;
  /** Of a field with a length; empty for the others. */
  readonly bytes: Buffer;
  /** Of a varint. */
  readonly value: number;
}

const NO_BYTES = Buffer.alloc(0);

/** One level of a protobuf message. @throws RangeError where it ends too early or has an unknown kind of field */
function fieldsOf(message: Buffer): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = message.readUInt8(at++);
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError('a number has no end');
  };
  while (at < message.length) {
    const key = varint();
    const number = Math.floor(key / 8);
    let length = 0;
    let value = 0;
    switch (key % 8) {
      case 0:
        value = varint();
        break;
      case 1:
        length = 8;
        break;
      case 2:
        length = varint();
        break;
      case 5:
        length = 4;
        break;
      default:
        throw new RangeError(`a field of kind ${key % 8}`);
    }
    if (length > message.length - at) throw new RangeError('it ends in the middle of a field');
    fields.push({ number, value, bytes: length === 0 ? NO_BYTES : message.subarray(at, at + length) });
    at += length;
  }
  return fields;
}

function textIn(fields: readonly Field[], wanted: number): string {
  return fields.find(({ number }) => number === wanted)?.bytes.toString('utf8') ?? '';
}

function numberIn(fields: readonly Field[], wanted: number): number {
  return fields.find(({ number }) => number === wanted)?.value ?? 0;
}
