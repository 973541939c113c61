/** Rows as Parquet, a row group whenever enough have come, so that memory does not grow with the file. */
import type { SchemaElement } from 'hyparquet';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { Cell, Column } from './columns.ts';
import type { TableEncoder } from './table-file.ts';

const GROUP_ROWS = 20_000;

export function parquetTable(columns: readonly Column[]): TableEncoder {
  const bytes = new ByteWriter();
  const schema = [{ name: 'root', num_children: columns.length }, ...columns.map(elementOf)];
  const parquet = new ParquetWriter({ writer: bytes, schema, statistics: false });
  let waiting: (readonly Cell[])[] = [];

  const writeGroup = () => {
    const columnData = columns.map(({ name, type }, i) => ({
      name,
      data: waiting.map((cells) => parquetValue(type, cells[i] ?? null)),
      // Indexes would have to be remembered until the file ends.
      offsetIndex: false,
    }));
    parquet.write({ columnData, rowGroupSize: waiting.length });
    parquet.pendingIndexes = [];
    waiting = [];
  };
  /** What was written since the last time. */
  const take = () => {
    const written = bytes.getBytes().slice();
    bytes.index = 0;
    return written;
  };
  return {
    begin: take,
    add: (rows) => {
      waiting.push(...rows);
      if (waiting.length >= GROUP_ROWS) writeGroup();
      return take();
    },
    end: () => {
      if (waiting.length > 0) writeGroup();
      parquet.finish();
      return take();
    },
  };
}

const TYPES: Readonly<Record<Column['type'], Partial<SchemaElement>>> = {
  text: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  whole: { type: 'INT64' },
  number: { type: 'DOUBLE' },
  float: { type: 'FLOAT' },
  time: { type: 'INT64', converted_type: 'TIMESTAMP_MILLIS' },
  boolean: { type: 'BOOLEAN' },
};

function elementOf({ name, type }: Column): SchemaElement {
  return { name, repetition_type: 'OPTIONAL', ...TYPES[type] };
}

function parquetValue(type: Column['type'], cell: Cell): unknown {
  if (cell === null) return null;
  if (type === 'whole') return BigInt(Number(cell));
  return type === 'time' ? new Date(Number(cell)) : cell;
}
