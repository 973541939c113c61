/** Hand-made ONNX files for tests: a protobuf writer of the few messages that a small graph needs. */
import type { Dtype } from '../../protocol/dtypes.ts';

const FLOAT = 1;
const UINT8 = 2;
const INT64 = 7;
const BOOL = 9;
const OPSET = 17;

export interface TinyGraph {
  /** Values of a sample. */
  readonly width?: number;
  readonly input?: string;
  readonly output?: string;
  /** One weight vector an output; default one output of zeros. */
  readonly weights?: readonly (readonly number[])[];
  readonly bias?: readonly number[];
  /**
   * `sigmoid`: probabilities. `sqrt`: NaN wherever the linear part is negative.
   * `loop`: adds nothing, as many times as the linear part says (a hang on demand).
   */
  readonly kind?: 'sigmoid' | 'sqrt' | 'loop' | 'linear';
  /** Input as bytes; the graph casts. */
  readonly dtype?: 'float32' | 'uint8';
  /** Default: free. */
  readonly batch?: number;
  /** Outputs besides: `linear` [batch, outputs] before its ending, and `peak` [], the most of it in the whole batch. */
  readonly extras?: readonly ('linear' | 'peak')[];
}

/** The ONNX bytes of y = f(x W^T + b), x [batch, width], y [batch, weights.length]. */
export function tinyOnnx(graph: TinyGraph = {}): Buffer {
  const { input = 'input', output = 'probability', kind = 'sigmoid', dtype = 'float32' } = graph;
  const { extras = [] } = graph;
  const width = graph.width ?? graph.weights?.[0]?.length ?? 2;
  const weights = graph.weights ?? [new Array<number>(width).fill(0)];
  const outputs = weights.length;
  const bias = graph.bias ?? new Array<number>(outputs).fill(0);
  const nodes = [
    ...(dtype === 'uint8' ? [node('Cast', [input], ['x'], [intAttribute('to', FLOAT)])] : []),
    node('Gemm', [dtype === 'uint8' ? 'x' : input, 'w', 'b'], ['linear'], [intAttribute('transB', 1)]),
    ...ending(kind, output),
    ...(extras.includes('peak')
      ? [node('ReduceMax', ['linear'], ['peak'], [intAttribute('keepdims', 0)])]
      : []),
  ];
  return model([
    ...nodes.map((bytes) => field(1, bytes)),
    text(2, 'tiny'),
    field(5, floatTensor('w', [outputs, width], weights.flat())),
    field(5, floatTensor('b', [outputs], bias)),
    field(11, value(input, dtype === 'uint8' ? UINT8 : FLOAT, [graph.batch ?? 'batch', width])),
    ...extras.map((name) =>
      field(12, value(name, FLOAT, name === 'peak' ? [] : [graph.batch ?? 'batch', outputs])),
    ),
    field(12, value(output, FLOAT, [graph.batch ?? 'batch', outputs])),
  ]);
}

/** A graph that hands its inputs on: output `${name}-out` for each. */
export interface PassingInput {
  readonly name: string;
  readonly dtype: Dtype;
  /** A word is a free dimension. */
  readonly shape: readonly (number | string)[];
}

/** @param sum adds the first two inputs, of the same type, into one more output of this name */
export function passingOnnx(inputs: readonly PassingInput[], sum?: string): Buffer {
  const [first, second] = inputs;
  const adds = sum !== undefined && first && second;
  return model([
    ...inputs.map(({ name }) => field(1, node('Identity', [name], [`${name}-out`]))),
    ...(adds ? [field(1, node('Add', [first.name, second.name], [sum]))] : []),
    text(2, 'passing'),
    ...inputs.map(({ name, dtype, shape }) => field(11, value(name, TYPES[dtype], shape))),
    ...inputs.map(({ name, dtype, shape }) => field(12, value(`${name}-out`, TYPES[dtype], shape))),
    ...(adds ? [field(12, value(sum, TYPES[first.dtype], first.shape))] : []),
  ]);
}

/** y = x H … H w, x [batch, width], y [batch, 1]: nothing but time and memory, `layers` products of a matrix of ones on the diagonal. */
export function deepOnnx(width: number, layers: number): Buffer {
  const ones = new Float32Array(width * width);
  for (let i = 0; i < width; i++) ones[i * width + i] = 1;
  const products = Array.from({ length: layers }, (_, i) =>
    field(1, node('MatMul', [i === 0 ? 'input' : `h${i}`, 'h'], [`h${i + 1}`])),
  );
  return model([
    ...products,
    field(1, node('MatMul', [`h${layers}`, 'w'], ['probability'])),
    text(2, 'deep'),
    field(5, floatTensor('h', [width, width], ones)),
    field(5, floatTensor('w', [width, 1], new Float32Array(width).fill(1 / width))),
    field(11, value('input', FLOAT, ['batch', width])),
    field(12, value('probability', FLOAT, ['batch', 1])),
  ]);
}

/** The mean over all but the batch of a uint8 tensor [batch, ...shape], as `mean` [batch, 1]. */
export function meanOnnx(shape: readonly number[]): Buffer {
  const axes = shape.map((_, i) => i + 1);
  return model([
    field(1, node('Cast', ['input'], ['x'], [intAttribute('to', FLOAT)])),
    field(1, node('ReduceMean', ['x'], ['means'], [intsAttribute('axes', axes)])),
    field(1, node('Flatten', ['means'], ['mean'], [intAttribute('axis', 1)])),
    text(2, 'mean'),
    field(11, value('input', UINT8, ['batch', ...shape])),
    field(12, value('mean', FLOAT, ['batch', 1])),
  ]);
}

/** TensorProto.DataType */
const TYPES: Record<Dtype, number> = {
  float32: FLOAT,
  uint8: UINT8,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: INT64,
  string: 8,
  bool: BOOL,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
};

function ending(kind: NonNullable<TinyGraph['kind']>, output: string): Buffer[] {
  switch (kind) {
    case 'linear':
      return [node('Identity', ['linear'], [output])];
    case 'sigmoid':
      return [node('Sigmoid', ['linear'], [output])];
    case 'sqrt':
      return [node('Sqrt', ['linear'], [output])];
    case 'loop':
      return [
        node('ReduceMax', ['linear'], ['most'], [intAttribute('keepdims', 0)]),
        node('Cast', ['most'], ['trips'], [intAttribute('to', INT64)]),
        node('Sigmoid', ['linear'], ['seed']),
        node('Loop', ['trips', '', 'seed'], [output], [graphAttribute('body', loopBody())]),
      ];
  }
}

/** (iteration, condition, v) -> (condition, v): nothing but time. */
function loopBody(): Buffer {
  return Buffer.concat([
    field(1, node('Identity', ['go'], ['goOn'])),
    field(1, node('Abs', ['v'], ['vOut'])),
    text(2, 'body'),
    field(11, value('i', INT64, [])),
    field(11, value('go', BOOL, [])),
    field(11, value('v', FLOAT, ['n', 'k'])),
    field(12, value('goOn', BOOL, [])),
    field(12, value('vOut', FLOAT, ['n', 'k'])),
  ]);
}

function model(graph: readonly Buffer[]): Buffer {
  return Buffer.concat([
    varintField(1, 8),
    text(2, 'andon-tests'),
    field(7, Buffer.concat(graph)),
    field(8, varintField(2, OPSET)),
  ]);
}

function node(op: string, inputs: string[], outputs: string[], attributes: Buffer[] = []): Buffer {
  return Buffer.concat([
    ...inputs.map((name) => text(1, name)),
    ...outputs.map((name) => text(2, name)),
    text(4, op),
    ...attributes.map((attribute) => field(5, attribute)),
  ]);
}

function intAttribute(name: string, number: number): Buffer {
  return Buffer.concat([text(1, name), varintField(3, number), varintField(20, 2)]);
}

function intsAttribute(name: string, numbers: readonly number[]): Buffer {
  return Buffer.concat([text(1, name), ...numbers.map((each) => varintField(8, each)), varintField(20, 7)]);
}

function graphAttribute(name: string, graph: Buffer): Buffer {
  return Buffer.concat([text(1, name), field(6, graph), varintField(20, 5)]);
}

function floatTensor(name: string, dims: number[], values: ArrayLike<number>): Buffer {
  const raw = Buffer.from(Float32Array.from(values).buffer);
  return Buffer.concat([
    ...dims.map((dim) => varintField(1, dim)),
    varintField(2, FLOAT),
    text(8, name),
    field(9, raw),
  ]);
}

function value(name: string, type: number, shape: readonly (number | string)[]): Buffer {
  const dims = shape.map((dim) => field(1, typeof dim === 'number' ? varintField(1, dim) : text(2, dim)));
  const tensor = Buffer.concat([varintField(1, type), field(2, Buffer.concat(dims))]);
  return Buffer.concat([text(1, name), field(2, field(1, tensor))]);
}

function text(number: number, value: string): Buffer {
  return field(number, Buffer.from(value));
}

function field(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

function varintField(number: number, value: number): Buffer {
  return Buffer.concat([varint(number << 3), varint(value)]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}
