/** What waits in a lane: a sample of a source, or one row of a caller's request. */
import type { NamedTensor } from '../inference/tensor.ts';
import type { Sample } from '../sources/source.ts';
import type { Ask } from './ask.ts';
import type { LaneRequest } from './lane-request.ts';

export interface Item {
  readonly sample: Sample;
  /** Monotonic. */
  readonly acceptedUs: number;
  /** Counts the samples of the lane from 1. */
  readonly number: number;
  /** Feature -> place in its windower: a sample that is read again, for another model, is not pushed again. */
  places?: Map<string, number>;
  /** Null for a sample of a source. */
  readonly request: LaneRequest | null;
  /** Of a request: the model's input row as the caller gave it. */
  readonly row?: Float32Array | Uint8Array;
}

/** What `sample.source` says of rows that no source of the config gave. */
const REQUEST_SOURCE = 'request';

/** The items of a request, one a row. @param at number is that of the first */
export function itemsOf(
  request: LaneRequest,
  { data, rows, correlationIds }: Ask,
  at: { readonly timeMs: number; readonly acceptedUs: number; readonly number: number },
): Item[] {
  return Array.from({ length: rows }, (_, row) => {
    const sample = {
      source: REQUEST_SOURCE,
      timeMs: at.timeMs,
      correlationId: correlationIds?.[row] ?? null,
      features: {},
    };
    const item = { acceptedUs: at.acceptedUs, number: at.number + row, request };
    if (data instanceof Float32Array || data instanceof Uint8Array) {
      const width = data.length / rows;
      return { ...item, sample, row: data.subarray(row * width, (row + 1) * width) };
    }
    return { ...item, sample: { ...sample, ...contentOf(data[row]) } };
  });
}

function contentOf(content: Uint8Array | readonly NamedTensor[] | undefined): Partial<Sample> {
  if (content === undefined) return {};
  return content instanceof Uint8Array ? { image: content } : { tensors: content };
}
