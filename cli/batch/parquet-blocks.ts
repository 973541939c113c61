/** Reads a Parquet file by row groups: a block is a piece of one. */
import {
  asyncBufferFromFile,
  type FileMetaData,
  parquetMetadataAsync,
  parquetRead,
  parquetSchema,
} from 'hyparquet';
import type { Values } from './block-reader.ts';

const BLOCK_ROWS = 8192;

export interface ParquetBlock {
  /** Index of the row group. */
  readonly group: number;
  /** Of the whole file, from 0. */
  readonly firstRow: number;
  readonly rows: number;
  /** Rows of the file up to and with this block. */
  readonly endsAt: number;
}

export interface ParquetFile {
  readonly columns: readonly string[];
  readonly rows: number;
  readonly groups: readonly { readonly firstRow: number; readonly rows: number }[];
  readonly metadata: FileMetaData;
}

/** @throws Error when it is no Parquet file */
export async function openParquet(path: string): Promise<ParquetFile> {
  const metadata = await parquetMetadataAsync(await asyncBufferFromFile(path));
  let firstRow = 0;
  const groups = metadata.row_groups.map(({ num_rows }) => {
    const group = { firstRow, rows: Number(num_rows) };
    firstRow += group.rows;
    return group;
  });
  const columns = parquetSchema(metadata).children.map(({ element }) => element.name);
  return { columns, rows: firstRow, groups, metadata };
}

/** @param from rows that were read before */
export async function* parquetBlocks({ groups }: ParquetFile, from: number): AsyncGenerator<ParquetBlock> {
  for (const [group, { firstRow, rows }] of groups.entries()) {
    for (let at = firstRow; at < firstRow + rows; at += BLOCK_ROWS) {
      const count = Math.min(BLOCK_ROWS, firstRow + rows - at);
      if (at >= from) yield { group, firstRow: at, rows: count, endsAt: at + count };
    }
  }
}

/** Some values of a column, from a row of the file on. */
interface Piece {
  readonly firstRow: number;
  readonly data: ArrayLike<unknown>;
}

/** Holds the columns of the row group that was asked for last, since its blocks come one after the other. */
export class ParquetReader {
  readonly #path: string;
  readonly #columns: readonly string[];
  #file: ParquetFile | undefined;
  #group = -1;
  #values = new Map<string, Piece[]>();

  /** @param columns that are wanted of it */
  constructor(path: string, columns: readonly string[]) {
    this.#path = path;
    this.#columns = columns;
  }

  async rows(block: ParquetBlock): Promise<Values[]> {
    this.#file ??= await openParquet(this.#path);
    if (this.#group !== block.group) await this.#load(this.#file, block.group);
    const rows = Array.from({ length: block.rows }, (): Record<string, number | string | null> => ({}));
    for (const [column, pieces] of this.#values) {
      for (const { firstRow, data } of pieces) {
        const from = Math.max(firstRow, block.firstRow);
        const to = Math.min(firstRow + data.length, block.firstRow + block.rows);
        for (let row = from; row < to; row++) {
          const into = rows[row - block.firstRow];
          if (into) into[column] = scalar(data[row - firstRow]);
        }
      }
    }
    return rows;
  }

  async #load({ metadata, groups }: ParquetFile, group: number): Promise<void> {
    const { firstRow, rows } = groups[group] ?? { firstRow: 0, rows: 0 };
    const values = new Map<string, Piece[]>();
    await parquetRead({
      file: await asyncBufferFromFile(this.#path),
      metadata,
      columns: [...this.#columns],
      rowStart: firstRow,
      rowEnd: firstRow + rows,
      onChunk: ({ columnName, columnData, rowStart }) => {
        const pieces = values.get(columnName) ?? [];
        pieces.push({ firstRow: rowStart, data: columnData });
        values.set(columnName, pieces);
      },
    });
    this.#values = values;
    this.#group = group;
  }
}

/** A value as a sample has it; what is no scalar becomes text, which no number feature accepts. */
function scalar(value: unknown): number | string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'string'
    ? value
    : JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? Number(each) : each));
}
