/** Rows as CSV (RFC 4180): a header, times in ISO 8601, nothing between two commas for what is not known. */
import { floatText } from '../batch/float-text.ts';
import { csvCell } from '../batch/text-output.ts';
import type { Cell, Column } from './columns.ts';
import type { TableEncoder } from './table-file.ts';

export function csvTable(columns: readonly Column[]): TableEncoder {
  const line = (cells: readonly Cell[]) =>
    `${columns.map(({ type }, i) => csvCell(textOf(type, cells[i] ?? null))).join(',')}\n`;
  return {
    begin: () => Buffer.from(`${columns.map(({ name }) => csvCell(name)).join(',')}\n`),
    add: (rows) => Buffer.from(rows.map(line).join('')),
    end: () => new Uint8Array(),
  };
}

function textOf(type: Column['type'], cell: Cell): string | null {
  if (cell === null) return null;
  if (type === 'float') return floatText(Number(cell));
  return type === 'time' ? new Date(Number(cell)).toISOString() : String(cell);
}
