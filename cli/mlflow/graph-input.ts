/** The manifest's `input` out of graph, signature and facts. Where graph and signature disagree, the model is refused: the graph is what runs. */
import type { Feature, Manifest } from '../../protocol/manifest.ts';
import { cliError } from '../errors.ts';
import type { Facts } from './facts.ts';
import type { SignatureSide } from './mlmodel-file.ts';
import type { OnnxGraph, OnnxValue } from './onnx-graph.ts';

/** What MLflow's signatures describe: one input tensor with a row a sample. */
type Input = Extract<Manifest['input'], { kind: 'features' | 'window' | 'tensor' }>;

/** What pandas may hold where the graph takes float32: pyfunc casts it too. Text only where the manifest numbers it. */
const NUMERIC_COLUMNS = new Set(['boolean', 'integer', 'long', 'float', 'double']);

/**
 * @param known input of an earlier version, for features that nobody names
 * @returns the input, or in words what is missing
 * @throws CodedError MLFLOW_MODEL_UNSUPPORTED
 */
export function graphInput(
  graph: OnnxGraph,
  signature: SignatureSide,
  facts: Facts,
  known: Manifest['input'] | undefined,
): Input | string {
  const value = theInput(graph);
  checkSignature(value, signature);
  const sizes = sampleSizes(value, signature);
  const told = facts.input ?? (facts.features && { kind: 'features' as const, features: facts.features });
  const input = told
    ? { ...told, tensor: value.name }
    : (fromGraph(value, sizes, signature) ?? rowInput(known));
  if (input === undefined) {
    return `andon.features: names (and units, ranges, categories) of the ${sizes[0] ?? ''} values of "${value.name}", in order`;
  }
  checkInput(input, value, sizes, signature);
  return { ...input, tensor: value.name };
}

function rowInput(known: Manifest['input'] | undefined): Input | undefined {
  if (known?.kind !== 'image' && known?.kind !== 'tensors') return known;
  throw refuse(
    `the earlier version takes ${known.kind === 'image' ? 'pictures' : 'several tensors'}, which nothing in MLflow describes`,
    'Write its package yourself (docs/models.md), or leave --manifest-from away.',
  );
}

function theInput(graph: OnnxGraph): OnnxValue {
  const [value, ...others] = graph.inputs;
  if (!value || others.length > 0) {
    const names = graph.inputs.map(({ name }) => `"${name}"`).join(', ') || 'none';
    throw refuse(
      `its graph takes ${graph.inputs.length} inputs (${names}), and a device feeds one`,
      'Stack the columns into one float32 tensor [batch, n] inside the graph, and export it again.',
    );
  }
  if (value.dtype !== 'float32' && value.dtype !== 'uint8') {
    throw refuse(
      `its input "${value.name}" is ${value.dtype ?? 'no tensor'}, and a device feeds float32 or uint8`,
      'Put a Cast at the start of the graph, and export it again.',
    );
  }
  const [batch] = value.shape;
  if (value.shape.length < 2 || typeof batch === 'number') {
    throw refuse(
      `its input "${value.name}" is [${value.shape.join(', ')}], without a free batch dimension`,
      'Export it with a free first dimension (dynamic_axes, dynamic_shapes).',
    );
  }
  return value;
}

/** A size that the graph leaves open is the signature's; 0 where neither knows it. */
function sampleSizes(value: OnnxValue, signature: SignatureSide): number[] {
  const said =
    signature.kind === 'tensors' ? signature.tensors[0]?.shape.slice(1) : [signature.columns.length];
  return value.shape
    .slice(1)
    .map((size, i) => (typeof size === 'number' ? size : Math.max(0, said?.[i] ?? 0)));
}

function checkSignature(value: OnnxValue, signature: SignatureSide): void {
  if (signature.kind === 'columns') {
    const width = value.shape[1];
    if (value.shape.length === 2 && (typeof width !== 'number' || width === signature.columns.length)) return;
    throw disagree(`has ${signature.columns.length} columns`, value);
  }
  const [tensor, ...others] = signature.tensors;
  if (!tensor || others.length > 0) throw disagree(`has ${signature.tensors.length} inputs`, value);
  if (tensor.name !== undefined && tensor.name !== value.name)
    throw disagree(`names "${tensor.name}"`, value);
  const casts = tensor.dtype === 'float64' && value.dtype === 'float32';
  if (tensor.dtype !== value.dtype && !casts) throw disagree(`says ${tensor.dtype}`, value);
  const fits =
    tensor.shape.length === value.shape.length &&
    value.shape.every(
      (size, i) => typeof size !== 'number' || tensor.shape[i] === -1 || tensor.shape[i] === size,
    );
  if (!fits) throw disagree(`says [${tensor.shape.join(', ')}]`, value);
}

/** What needs no words: named columns, and tensors of more than one dimension. */
function fromGraph(value: OnnxValue, sizes: readonly number[], signature: SignatureSide): Input | undefined {
  if (signature.kind === 'columns') {
    const names = signature.columns.flatMap(({ name, type }) =>
      name && NUMERIC_COLUMNS.has(type) ? [name] : [],
    );
    if (names.length < signature.columns.length) return undefined;
    const features = names.map((name): Feature => ({ name, unit: '' }));
    return { kind: 'features', tensor: value.name, features };
  }
  const isTensor = sizes.length > 1 || value.dtype === 'uint8';
  if (!isTensor || sizes.includes(0)) return undefined;
  return {
    kind: 'tensor',
    tensor: value.name,
    dtype: value.dtype === 'uint8' ? 'uint8' : 'float32',
    shape: [...sizes],
  };
}

function checkInput(
  input: Input,
  value: OnnxValue,
  sizes: readonly number[],
  signature: SignatureSide,
): void {
  const wanted =
    input.kind === 'tensor' ? input.shape : [input.kind === 'window' ? input.length : input.features.length];
  const dtype = input.kind === 'tensor' ? input.dtype : 'float32';
  const fits = wanted.length === sizes.length && sizes.every((size, i) => size === 0 || size === wanted[i]);
  if (!fits || dtype !== value.dtype) {
    throw refuse(
      `its graph takes ${value.dtype} [batch, ${sizes.join(', ')}], but its ${input.kind} say ${dtype} [batch, ${wanted.join(', ')}]`,
      'Mend andon.features or andon.input; see docs/mlflow.md.',
    );
  }
  if (signature.kind !== 'columns' || input.kind !== 'features') return;
  for (const [i, { name, type }] of signature.columns.entries()) {
    const feature = input.features[i];
    if (NUMERIC_COLUMNS.has(type) || (type === 'string' && feature?.categories)) continue;
    throw refuse(
      `column "${name ?? i}" is ${type}`,
      type === 'string'
        ? 'Give its feature "categories" (andon.features): the graph gets their numbers.'
        : 'A device feeds numbers. Turn it into one before the model.',
    );
  }
}

function disagree(what: string, value: OnnxValue): Error {
  return refuse(
    `its signature ${what}, but its graph takes "${value.name}", ${value.dtype} [${value.shape.map((d) => d || '?').join(', ')}]`,
    'Log it again with a signature that is inferred from what the graph really takes.',
  );
}

function refuse(why: string, hint: string): Error {
  return cliError('MLFLOW_MODEL_UNSUPPORTED', `This model cannot run on a device: ${why}.`, { hint });
}
