/** The classification extension: the best values of each row as `value:index:label`. Pure. */
import { agentError } from '../../errors.ts';
import { isElements } from './binary-data.ts';
import type { OipTensor } from './datatype.ts';

/**
 * The best `count` of each row, best first; equals keep their order. The first dimension is the batch.
 * @param labels of the values of a row; those without one are left without
 * @throws CodedError REQUEST_INVALID
 */
export function classified(output: OipTensor, count: number, labels: readonly string[]): OipTensor {
  const { name, shape, data } = output;
  if (isElements(data)) throw invalid(`output '${name}' is BYTES, of which there is no classification`);
  const rows = shape[0] ?? 1;
  const width = rows === 0 ? 0 : data.length / rows;
  const best = Math.min(count, width);
  const elements: Uint8Array[] = [];
  for (let row = 0; row < rows; row++) {
    const values = Array.from(data.subarray(row * width, (row + 1) * width) as ArrayLike<number | bigint>);
    const order = values.map((_value, index) => index).sort((a, b) => byValue(values[b], values[a]) || a - b);
    for (const index of order.slice(0, best)) {
      const label = labels[index];
      elements.push(Buffer.from(`${values[index]}:${index}${label === undefined ? '' : `:${label}`}`));
    }
  }
  return { name, datatype: 'BYTES', shape: [rows, best], data: elements };
}

/** NaN comes last. */
function byValue(a: number | bigint | undefined, b: number | bigint | undefined): number {
  if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : -1;
  if (Number.isNaN(b)) return 1;
  return (a ?? 0) < (b ?? 0) ? -1 : (a ?? 0) > (b ?? 0) ? 1 : 0;
}

function invalid(message: string) {
  return agentError('REQUEST_INVALID', message);
}
