/** One batch of rows through a graph: at once, or one by one where it was exported for a batch of one. */
import { type RowSpec, sampleWidth } from './graph-spec.ts';
import { concatenate, type NamedTensor } from './tensor.ts';

export interface RowsRun {
  /** Runs the graph once, for the outputs of these names; those that it lacks are left out. */
  readonly run: (inputs: readonly NamedTensor[], outputs: readonly string[]) => Promise<NamedTensor[]>;
  readonly spec: RowSpec;
  readonly oneByOne: boolean;
}

export interface RowsRan {
  /** Row-major, rows x the width of the output that the decision reads. */
  readonly output: Float32Array;
  /** What was wanted beside it. */
  readonly extras: readonly NamedTensor[];
}

/** @throws Error when the graph fails, or gives anything but float32 [rows, outputWidth] for the decision */
export async function runRows(
  ran: RowsRun,
  rows: number,
  data: Float32Array | Uint8Array,
  extraOutputs: readonly string[],
): Promise<RowsRan> {
  if (!ran.oneByOne || rows === 1) return runGraph(ran, rows, data, extraOutputs);
  const { spec } = ran;
  const width = sampleWidth(spec);
  const output = new Float32Array(rows * spec.outputWidth);
  const parts: (readonly NamedTensor[])[] = [];
  for (let row = 0; row < rows; row++) {
    const sample = data.subarray(row * width, (row + 1) * width);
    const one = await runGraph(ran, 1, sample, extraOutputs);
    output.set(one.output, row * spec.outputWidth);
    parts.push(one.extras);
  }
  return { output, extras: joined(parts) };
}

/** What each run gave, one after the other; an output that is not one a sample has no place in that. */
function joined(runs: readonly (readonly NamedTensor[])[]): NamedTensor[] {
  const [first = []] = runs;
  return first.flatMap((_, i) => {
    const parts = runs.flatMap((run) => run[i] ?? []);
    return parts.every(({ shape }) => shape[0] === 1) ? [concatenate(parts)] : [];
  });
}

async function runGraph(
  { run, spec }: RowsRun,
  rows: number,
  data: Float32Array | Uint8Array,
  extraOutputs: readonly string[],
): Promise<RowsRan> {
  const input = {
    name: spec.input,
    dtype: spec.dtype,
    shape: [rows, ...spec.shape],
    data: data as NamedTensor['data'],
  };
  const [output, ...extras] = await run([input], [spec.output, ...extraOutputs]);
  const values = output?.data;
  const fits = output?.shape[0] === rows && values?.length === rows * spec.outputWidth;
  if (!(values instanceof Float32Array) || !fits) {
    const given = `${output?.dtype} [${output?.shape.join(', ')}]`;
    throw new Error(`it gave ${given}, not float32 [${rows}, ${spec.outputWidth}]`);
  }
  return { output: values, extras };
}
