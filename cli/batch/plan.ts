/** What one run of `andon batch` does, the same for its main thread and its workers; all of it can be cloned. */
import { extname } from 'node:path';
import type { FileSourceConfig } from '../../agent/config/schema.ts';
import type { EngineModel } from '../../agent/inference/engine.ts';
import { cliError } from '../errors.ts';

export type Format = 'csv' | 'ndjson' | 'parquet';
/** `images`: a folder of pictures, each a row. */
type InputFormat = Format | 'images';

export interface BatchPlan {
  readonly model: EngineModel;
  readonly input: {
    readonly path: string;
    readonly format: InputFormat;
    readonly delimiter: string;
    /** Column that names the part; it is no feature then. */
    readonly key: string | null;
    /** Feature -> column, where they differ. */
    readonly columns: Readonly<Record<string, string>>;
  };
  readonly output: {
    readonly path: string;
    readonly format: Format;
    /** Columns of the input that stand in the output too; `all` until the input was opened. */
    readonly keep: readonly string[] | 'all';
    /** Every value that the model gave, not only the winner's. */
    readonly allOutputs: boolean;
  };
  /** Rows that the engine is given at once. */
  readonly batchRows: number;
}

/** A plan whose input was looked at: the columns are known to be there. */
export interface OpenPlan extends BatchPlan {
  /** Of a CSV or Parquet file; empty for NDJSON, where each row has its own. */
  readonly columns: readonly string[];
  readonly output: BatchPlan['output'] & { readonly keep: readonly string[] };
}

const FORMATS: Readonly<Record<string, Format>> = {
  '.csv': 'csv',
  '.ndjson': 'ndjson',
  '.jsonl': 'ndjson',
  '.parquet': 'parquet',
};

/** @throws CodedError ARGUMENT_INVALID */
export function formatOf(path: string): Format {
  const format = FORMATS[extname(path).toLowerCase()];
  if (format) return format;
  throw cliError('ARGUMENT_INVALID', `${path} ends with no format that this command knows.`, {
    hint: 'Name a file that ends with .csv, .ndjson, .jsonl or .parquet.',
  });
}

/** How the agent's own readers are told to read the file. */
export function sourceConfig({ input }: BatchPlan): FileSourceConfig {
  return {
    kind: 'file',
    path: input.path,
    format: input.format === 'csv' ? 'csv' : 'ndjson',
    speed: 'full',
    scale: 1,
    ...(input.key === null ? {} : { correlationColumn: input.key }),
    columns: input.columns,
    tags: {},
    constantTags: {},
    delimiter: input.delimiter,
    maxRowBytes: MAX_ROW_BYTES,
  };
}

/** As the agent's default. */
export const MAX_ROW_BYTES = 1024 * 1024;
