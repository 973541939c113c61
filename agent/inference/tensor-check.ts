/** Whether given tensors are what a graph wants, in words for whoever sent them. Pure. */
import { countOf, holds, type NamedTensor, type TensorSpec } from './tensor.ts';

/** @returns null, or what is wrong first, naming the input and what was wanted */
export function inputsProblem(wanted: readonly TensorSpec[], given: readonly NamedTensor[]): string | null {
  const names = wanted.map(({ name }) => `"${name}"`).join(', ');
  for (const [i, { name }] of given.entries()) {
    if (!wanted.some((spec) => spec.name === name))
      return `there is no input "${name}"; the model takes ${names}`;
    if (given.findIndex((other) => other.name === name) < i) return `input "${name}" is given twice`;
  }
  for (const spec of wanted) {
    const tensor = given.find(({ name }) => name === spec.name);
    if (!tensor) return `input "${spec.name}" is missing; the model takes it as ${specWords(spec)}`;
    const problem = tensorProblem(spec, tensor);
    if (problem !== null) return `input "${spec.name}" ${problem}`;
  }
  return null;
}

/** `float32 [-1, 4]` */
export function specWords({ dtype, shape }: Pick<TensorSpec, 'dtype' | 'shape'>): string {
  return `${dtype} [${shape.join(', ')}]`;
}

function tensorProblem(spec: TensorSpec, { dtype, shape, data }: NamedTensor): string | null {
  if (dtype !== spec.dtype) return `is ${dtype}; the model takes ${specWords(spec)}`;
  const fits =
    shape.length === spec.shape.length &&
    shape.every(
      (size, i) => Number.isSafeInteger(size) && size > 0 && (spec.shape[i] === -1 || spec.shape[i] === size),
    );
  if (!fits) return `is [${shape.join(', ')}]; the model takes ${specWords(spec)}`;
  if (!holds(dtype, data)) return `is called ${dtype}, but holds a ${data.constructor.name}`;
  const count = countOf(shape);
  if (data.length !== count)
    return `has ${data.length} values; its shape [${shape.join(', ')}] asks for ${count}`;
  if (dtype === 'bool') {
    const odd = (data as Uint8Array).findIndex((value) => value > 1);
    if (odd >= 0) return `has ${data[odd]} as value ${odd}; a bool is 0 or 1`;
  }
  return null;
}

/** @returns its index; -1 when there is none */
export function firstNotFinite(values: Float32Array): number {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return i;
  return -1;
}
