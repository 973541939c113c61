/** NDJSON lines (one JSON object a line) to rows. */
import { jsonText } from '../../protocol/json-text.ts';
import type { FileSourceConfig } from '../config/schema.ts';
import { type Row, type RowReader, tooLong } from './row.ts';
import { RowMapping } from './row-mapping.ts';
import type { Line } from './text-lines.ts';

export class NdjsonRows implements RowReader {
  readonly #config: FileSourceConfig;
  readonly #mapping: RowMapping;

  constructor(config: FileSourceConfig) {
    this.#config = config;
    this.#mapping = new RowMapping(config);
  }

  take(line: Line): Row[] {
    if (typeof line !== 'string') return [tooLong(line.tooLongBytes, this.#config.maxRowBytes)];
    return line.trim() === '' ? [] : [this.#row(line)];
  }

  end(): Row[] {
    return [];
  }

  #row(line: string): Row {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      return { code: 'SAMPLE_INVALID', problem: 'is not JSON' };
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return { code: 'SAMPLE_INVALID', problem: 'is not a JSON object' };
    }
    const columns = Object.keys(value);
    const missing = this.#mapping.missingFrom(columns, 'row');
    if (missing.length > 0) {
      const has = columns.slice(0, 40).join(', ').slice(0, 400);
      return { code: 'SOURCE_COLUMN_MISSING', problem: `has no ${missing.join(', ')}; it has ${has}` };
    }
    return this.#mapping.toRow<unknown>(columns, Object.values(value), jsonValue);
  }
}

/** Text stays text, also `"12"`. What is no scalar travels as its JSON text, which no number field accepts. */
function jsonValue(value: unknown): number | string | null {
  if (value === null || typeof value === 'string') return value;
  // JSON.parse reads 1e999 as Infinity.
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  return jsonText(value);
}
