/** What the main thread of a batch run and its workers say to each other. Both are the same build. */
import type { Kept } from './block-rows.ts';
import type { ImageBlock } from './image-blocks.ts';
import type { ParquetBlock } from './parquet-blocks.ts';
import type { TextBlock } from './text-blocks.ts';

export type Block = TextBlock | ParquetBlock | ImageBlock;

export type ToWorker =
  | { readonly kind: 'block'; readonly index: number; readonly block: Block; readonly silent: boolean }
  /**
   * Number in the file of the block's first row: known when all blocks before it were read. And the label of the row before:
   * where a decision depends on it, known when all blocks before are answered.
   */
  | {
      readonly kind: 'start';
      readonly index: number;
      readonly firstRow: number;
      readonly labelBefore: number;
    }
  | { readonly kind: 'stop' };

export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'read'; readonly index: number; readonly rows: number }
  | { readonly kind: 'answer'; readonly index: number; readonly answer: Answer }
  | { readonly kind: 'failed'; readonly index: number | null; readonly error: FailureWords };

/** What goes into the files, of one block. */
export interface Answer {
  /** Lines of a text file, or columns of a Parquet one. */
  readonly output: Uint8Array<ArrayBuffer> | Columns;
  readonly rejected: string;
  /** Index of what the last predicted row was called, or a row before the block. */
  readonly lastLabel: number;
  readonly counts: Counts;
}

/** Values by row, for a Parquet file. */
export interface Columns {
  readonly row: number[];
  readonly key: (string | null)[];
  /** Row-major, as many as columns are kept. */
  readonly kept: Kept[];
  readonly label: string[];
  readonly score: number[];
  /** Row-major; empty unless all are asked for. */
  readonly outputs: number[];
}

export interface Counts {
  readonly rows: number;
  readonly predicted: number;
  /** Rows that only filled a window. */
  readonly notDue: number;
  /** Code -> rows. */
  readonly rejected: Readonly<Record<string, number>>;
}

export interface FailureWords {
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
}

export function addCounts(a: Counts, b: Counts): Counts {
  const rejected: Record<string, number> = { ...a.rejected };
  for (const [code, count] of Object.entries(b.rejected)) rejected[code] = (rejected[code] ?? 0) + count;
  return {
    rows: a.rows + b.rows,
    predicted: a.predicted + b.predicted,
    notDue: a.notDue + b.notDue,
    rejected,
  };
}

export const NO_ROWS: Counts = { rows: 0, predicted: 0, notDue: 0, rejected: {} };

export function rejectedRows({ rejected }: Counts): number {
  return Object.values(rejected).reduce((sum, count) => sum + count, 0);
}
