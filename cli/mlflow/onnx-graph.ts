/**
 * What an ONNX file says of itself: opset, inputs, outputs and kinds of nodes.
 * Field numbers from onnx/onnx.proto. Read by offsets, nothing is copied, and a damaged file ends in a coded error.
 */
import { cliError } from '../errors.ts';
import { fieldsOf, numberIn, type ProtobufField, textIn } from './protobuf-fields.ts';

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
}

/** TensorProto.DataType, by its numbers. */
const DTYPES =
  'undefined float32 uint8 int8 uint16 int16 int32 int64 string bool float16 float64 uint32 uint64'.split(
    ' ',
  );

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

function opsetOf(model: readonly ProtobufField[]): number {
  const imports = model.filter(({ number }) => number === 8).map(({ bytes }) => fieldsOf(bytes));
  const own = imports.find((fields) => ['', 'ai.onnx'].includes(textIn(fields, 1)));
  return own ? numberIn(own, 2) : 0;
}

function graphOf(bytes: Buffer, opset: number): OnnxGraph {
  const inputs: OnnxValue[] = [];
  const outputs: OnnxValue[] = [];
  const ops = new Set<string>();
  const weights = new Set<string>();
  for (const field of fieldsOf(bytes)) {
    switch (field.number) {
      case 1:
        ops.add(textIn(fieldsOf(field.bytes), 4));
        break;
      case 5: {
        const tensor = fieldsOf(field.bytes);
        weights.add(textIn(tensor, 8));
        break;
      }
      case 11:
        inputs.push(ioOf(field.bytes));
        break;
      case 12:
        outputs.push(ioOf(field.bytes));
    }
  }
  return { opset, inputs: inputs.filter(({ name }) => !weights.has(name)), outputs, ops };
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
