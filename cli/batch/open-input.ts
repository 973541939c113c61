/** Looks at the input before anything is written: is it there, has it the columns that the model needs. */
import { accessSync, constants, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { csvColumns } from '../../agent/sources/csv-rows.ts';
import type { Line } from '../../agent/sources/text-lines.ts';
import { codeOf } from '../../protocol/errors.ts';
import { cliError } from '../errors.ts';
import { imageBlocks, imageNames } from './image-blocks.ts';
import { openParquet, parquetBlocks } from './parquet-blocks.ts';
import { type BatchPlan, MAX_ROW_BYTES, type OpenPlan, sourceConfig } from './plan.ts';
import { tensorNames } from './tensor-sample.ts';
import { textBlocks } from './text-blocks.ts';
import type { Block } from './worker-messages.ts';

const NEWLINE = 0x0a;

export interface OpenInput {
  readonly plan: OpenPlan;
  /** Bytes of a text file, rows of a Parquet one. */
  readonly size: number;
  /** @param from as `endsAt` of a block; 0: all of it */
  blocks(from: number): AsyncGenerator<Block>;
}

/** @throws CodedError INPUT_UNREADABLE, SOURCE_COLUMN_MISSING, SOURCE_FILE_UNREADABLE */
export async function openInput(plan: BatchPlan): Promise<OpenInput> {
  const { path, format } = plan.input;
  try {
    accessSync(path, constants.R_OK);
  } catch (cause) {
    throw cliError('INPUT_UNREADABLE', `${path} cannot be read (${codeOf(cause)}).`, {
      hint: 'Name a .csv, .ndjson or .parquet file with --input.',
      cause,
    });
  }
  switch (format) {
    case 'csv':
      return openCsv(plan);
    case 'ndjson':
      return openNdjson(plan);
    case 'parquet':
      return openParquetInput(plan);
    case 'images':
      return openImages(plan);
  }
}

async function openCsv(plan: BatchPlan): Promise<OpenInput> {
  const { path, delimiter } = plan.input;
  const { line, endsAt } = await firstLine(path);
  const columns = csvColumns(line, sourceConfig(plan));
  return {
    plan: { ...plan, columns, output: { ...plan.output, keep: keptOf(plan, columns) } },
    size: statSync(path).size,
    blocks: (from) => textBlocks(path, Math.max(from, endsAt), delimiter),
  };
}

async function openNdjson(plan: BatchPlan): Promise<OpenInput> {
  const { path } = plan.input;
  const { line } = await firstLine(path);
  let columns: string[];
  try {
    columns = Object.keys(JSON.parse(String(line)) as object);
  } catch (cause) {
    throw cliError('INPUT_UNREADABLE', `The first line of ${path} is no JSON object.`, {
      hint: 'An .ndjson file has one JSON object a line.',
      cause,
    });
  }
  return {
    plan: { ...plan, columns: [], output: { ...plan.output, keep: keptOf(plan, columns) } },
    size: statSync(path).size,
    blocks: (from) => textBlocks(path, from, null),
  };
}

async function openParquetInput(plan: BatchPlan): Promise<OpenInput> {
  const { path, key } = plan.input;
  const file = await openParquet(path).catch((cause: unknown) => {
    throw cliError('INPUT_UNREADABLE', `${path} is no Parquet file that can be read: ${String(cause)}`, {
      hint: 'Write it with Snappy or no compression.',
      cause,
    });
  });
  const keep = keptOf(plan, file.columns);
  const needed = new Set([...featureColumns(plan), ...keep, ...(key === null ? [] : [key])]);
  return {
    plan: { ...plan, columns: [...needed], output: { ...plan.output, keep } },
    size: file.rows,
    blocks: (from) => parquetBlocks(file, from),
  };
}

function openImages(plan: BatchPlan): OpenInput {
  const names = imageNames(plan.input.path);
  if (names.length === 0) {
    throw cliError('INPUT_UNREADABLE', `${plan.input.path} has no pictures.`, {
      hint: 'Name a folder of .jpg, .png, .webp or .tiff files; folders in it are not looked into.',
    });
  }
  return {
    plan: { ...plan, columns: [], output: { ...plan.output, keep: [] } },
    size: names.length,
    blocks: (from) => imageBlocks(names, from),
  };
}

/**
 * Checks that all columns are there which are asked for.
 * @returns the columns to keep
 */
function keptOf(plan: BatchPlan, columns: readonly string[]): string[] {
  const { input, output } = plan;
  const kept = (output.keep === 'all' ? columns : output.keep).filter((column) => column !== input.key);
  const wanted = [...featureColumns(plan), ...(input.key === null ? [] : [input.key]), ...kept];
  const missing = wanted.filter((column) => !columns.includes(column));
  if (missing.length > 0) {
    throw cliError(
      'INPUT_COLUMN_MISSING',
      `${input.path} has no column ${listed(missing)}; it has ${listed(columns)}.`,
      {
        hint: 'Where a column has another name, say so: --columns feature=column,feature=column',
      },
    );
  }
  if (input.key !== null && featureColumns(plan).includes(input.key)) {
    throw cliError('ARGUMENT_INVALID', `"${input.key}" is a feature of the model, so it cannot be the key.`, {
      hint: 'Leave --key out: every row has its number in the output.',
    });
  }
  return kept;
}

function featureColumns({ model, input }: BatchPlan): string[] {
  const of = model.manifest.input;
  const names = 'features' in of ? of.features.map(({ name }) => name) : tensorNames(of);
  return names.map((name) => input.columns[name] ?? name);
}

/** The first line that is not blank, and where the one after it begins. */
async function firstLine(path: string): Promise<{ line: Line; endsAt: number }> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_ROW_BYTES), 0, MAX_ROW_BYTES, 0);
    const bytes = buffer.subarray(0, bytesRead);
    for (let start = 0; start < bytes.length; ) {
      const newline = bytes.indexOf(NEWLINE, start);
      if (newline < 0 && bytesRead === MAX_ROW_BYTES)
        return { line: { tooLongBytes: bytesRead }, endsAt: start };
      const endsAt = newline < 0 ? bytes.length : newline + 1;
      const line = bytes
        .toString('utf8', start, endsAt)
        .replace(/^\uFEFF/, '')
        .trim();
      if (line !== '') return { line, endsAt };
      start = endsAt;
    }
  } finally {
    await file.close();
  }
  throw cliError('INPUT_UNREADABLE', `${path} is empty.`, { hint: 'There is nothing to predict.' });
}

function listed(columns: readonly string[]): string {
  const names = columns.slice(0, 12).map((column) => JSON.stringify(column.slice(0, 64)));
  return names.join(', ') + (columns.length > 12 ? ` and ${columns.length - 12} more` : '');
}
