/** One row of a file, on its way to become a sample. */
import type { Tags } from '../../protocol/tags.ts';
import type { AgentErrorCode } from '../errors.ts';

export interface GoodRow {
  readonly features: Readonly<Record<string, number | string | null>>;
  readonly correlationId: string | null;
  /** Wall clock ms of the recording; null without a time column. */
  readonly recordedMs: number | null;
  readonly tags: Tags;
}

export interface BadRow {
  readonly code: AgentErrorCode;
  readonly problem: string;
}

export type Row = GoodRow | BadRow;

/** Turns the lines of one pass through a file into rows; blank lines are none. */
export interface RowReader {
  take(line: string | { readonly tooLongBytes: number }): Row[];
  /** What was still open when the file ended. */
  end(): Row[];
}

export function isBad(row: Row): row is BadRow {
  return 'code' in row;
}

export function tooLong(bytes: number, maxRowBytes: number): BadRow {
  return { code: 'SOURCE_ROW_TOO_LONG', problem: `has ${bytes} bytes, maxRowBytes is ${maxRowBytes}` };
}
