/**
 * MLflow writes weights of more than 1 KiB into files beside the graph, by default. A device loads one file, whose hash is
 * checked, so they are put back into it here. Field numbers from onnx/onnx.proto (TensorProto, GraphProto, ModelProto).
 */
import { cliError } from '../errors.ts';
import { encodeField, fieldsOf, numberIn, type ProtobufField, textIn } from './protobuf-fields.ts';

const GRAPH = 7;
const INITIALIZER = 5;
const RAW_DATA = 9;
const EXTERNAL_DATA = 13;
const DATA_LOCATION = 14;
const EXTERNAL = 1;

/** @returns paths of the files with weights, beside the ONNX file @throws CodedError MLFLOW_MODEL_UNSUPPORTED */
export function weightFiles(onnx: Buffer): Set<string> {
  return whole(() => {
    const graphs = fieldsOf(onnx).filter(({ number }) => number === GRAPH);
    const weights = graphs
      .flatMap(({ bytes }) => fieldsOf(bytes))
      .filter(({ number }) => number === INITIALIZER);
    return new Set(
      weights
        .map(({ bytes }) => fieldsOf(bytes))
        .filter(isExternal)
        .map((tensor) => placeOf(tensor).path),
    );
  });
}

/**
 * @param files by the paths that `weightFiles` gave
 * @returns the same model in one file
 * @throws CodedError MLFLOW_MODEL_UNSUPPORTED where a file does not hold what the graph says
 */
export function withWeights(onnx: Buffer, files: ReadonlyMap<string, Buffer>): Buffer {
  const tensorOf = (field: ProtobufField): Buffer => {
    const tensor = fieldsOf(field.bytes);
    if (field.number !== INITIALIZER || !isExternal(tensor)) return field.whole;
    const kept = tensor.filter(({ number }) => number !== EXTERNAL_DATA && number !== DATA_LOCATION);
    const data = encodeField(RAW_DATA, sliceOf(tensor, files));
    return encodeField(INITIALIZER, Buffer.concat([...kept.map((each) => each.whole), data]));
  };
  const graphOf = (field: ProtobufField): Buffer =>
    field.number === GRAPH
      ? encodeField(
          GRAPH,
          Buffer.concat(
            fieldsOf(field.bytes).map((each) => (each.number === INITIALIZER ? tensorOf(each) : each.whole)),
          ),
        )
      : field.whole;
  return whole(() => Buffer.concat(fieldsOf(onnx).map(graphOf)));
}

function isExternal(tensor: readonly ProtobufField[]): boolean {
  return numberIn(tensor, DATA_LOCATION) === EXTERNAL;
}

function sliceOf(tensor: readonly ProtobufField[], files: ReadonlyMap<string, Buffer>): Buffer {
  const { path, offset, length } = placeOf(tensor);
  const file = files.get(path);
  const end = length === undefined ? file?.length : offset + length;
  if (!file || end === undefined || end > file.length || offset > end) {
    throw new RangeError(`${path} does not reach to ${end}`);
  }
  return file.subarray(offset, end);
}

/** external_data: a list of key and value, both text. */
function placeOf(tensor: readonly ProtobufField[]): {
  path: string;
  offset: number;
  length: number | undefined;
} {
  const entries = tensor.filter(({ number }) => number === EXTERNAL_DATA).map(({ bytes }) => fieldsOf(bytes));
  const said = new Map(entries.map((entry) => [textIn(entry, 1), textIn(entry, 2)]));
  const number = (key: string): number | undefined => {
    const text = said.get(key);
    if (text === undefined) return undefined;
    if (/^[0-9]{1,15}$/.test(text)) return Number(text);
    throw new RangeError(`${key} is "${text.slice(0, 40)}"`);
  };
  return { path: said.get('location') ?? '', offset: number('offset') ?? 0, length: number('length') };
}

function whole<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw cliError(
      'MLFLOW_MODEL_UNSUPPORTED',
      'This model cannot run on a device: its weights are not where its graph says.',
      {
        hint: 'Log it again, with save_as_external_data=False.',
        cause,
      },
    );
  }
}
