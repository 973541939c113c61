/** CSV lines to rows. A quoted cell may span 100 lines; a quote that never closes costs its own line, not the rest of the file. */
import { parse } from 'csv-parse/sync';
import type { FileSourceConfig } from '../config/schema.ts';
import { agentError } from '../errors.ts';
import { cellValue } from './cell.ts';
import { isBad, type Row, type RowReader, tooLong } from './row.ts';
import { RowMapping } from './row-mapping.ts';
import type { Line } from './text-lines.ts';

/** A quote that never closes makes the lines after it be read again, so each line could cost as much as the longest row. */
const MAX_RECORD_LINES = 100;

/**
 * Reads the header and checks it against the configuration.
 * @throws CodedError SOURCE_COLUMN_MISSING, naming the columns that are there; SOURCE_FILE_UNREADABLE
 */
export function csvColumns(header: Line, config: FileSourceConfig): string[] {
  if (typeof header !== 'string') {
    const message = `${config.path}: the header has ${header.tooLongBytes} bytes, maxRowBytes is ${config.maxRowBytes}`;
    throw agentError('SOURCE_FILE_UNREADABLE', message, { hint: 'Is this a CSV file?' });
  }
  const columns = cellsOf(header, config.delimiter)?.map((column) => column.trim()) ?? [];
  const twice = columns.find((column, i) => columns.indexOf(column) !== i);
  if (columns.length === 0 || twice !== undefined) {
    const what = twice === undefined ? 'the header cannot be read' : `the column "${twice}" stands twice`;
    throw agentError('SOURCE_FILE_UNREADABLE', `${config.path}: ${what}`, {
      hint: 'The first line must name each column once.',
    });
  }
  const missing = new RowMapping(config).missingFrom(columns, 'file');
  if (missing.length > 0) {
    const otherDelimiter = columns.length === 1 && /[;\t|,]/.exec(columns[0] ?? '')?.[0];
    throw agentError(
      'SOURCE_COLUMN_MISSING',
      `${config.path} has no column ${listed(missing)}; it has ${listed(columns)}`,
      {
        hint: otherDelimiter
          ? `The delimiter seems to be ${JSON.stringify(otherDelimiter)}: set it in the source.`
          : 'Name the columns of the file under "columns", as feature: column.',
      },
    );
  }
  return columns;
}

export class CsvRows implements RowReader {
  readonly #columns: readonly string[];
  readonly #config: FileSourceConfig;
  readonly #mapping: RowMapping;
  readonly #meaning: (cell: string) => number | string | null;
  #headerSeen = false;
  /** Lines of a record whose quotes have not closed yet. */
  #open: string[] = [];
  #openChars = 0;

  /** @param meaning what a cell says as a feature */
  constructor(
    columns: readonly string[],
    config: FileSourceConfig,
    meaning: (cell: string) => number | string | null = cellValue,
  ) {
    this.#columns = columns;
    this.#config = config;
    this.#mapping = new RowMapping(config);
    this.#meaning = meaning;
  }

  /** Whether the last record goes on in the next line. */
  get isOpen(): boolean {
    return this.#open.length > 0;
  }

  take(line: Line): Row[] {
    if (typeof line !== 'string') {
      return [...this.end(), tooLong(line.tooLongBytes, this.#config.maxRowBytes)];
    }
    const opened = this.#open.length > 0;
    if (!opened && line.trim() === '') return [];
    if (!this.#headerSeen) {
      this.#headerSeen = true;
      return [];
    }
    if (!opened && !line.includes('"')) return [this.#row(line.split(this.#config.delimiter))];
    this.#open.push(line);
    this.#openChars += line.length + 1;
    if (endsQuoted(line, opened, this.#config.delimiter)) {
      const isTooLong = this.#openChars > this.#config.maxRowBytes || this.#open.length > MAX_RECORD_LINES;
      return isTooLong ? this.#refuseFirstLine() : [];
    }
    const row = this.#row(cellsOf(this.#open.join('\n'), this.#config.delimiter));
    if (isBad(row) && this.#open.length > 1) return this.#refuseFirstLine();
    this.#open = [];
    this.#openChars = 0;
    return [row];
  }

  end(): Row[] {
    const rows: Row[] = [];
    while (this.#open.length > 0) rows.push(...this.#refuseFirstLine());
    return rows;
  }

  #refuseFirstLine(): Row[] {
    const [, ...rest] = this.#open;
    this.#open = [];
    this.#openChars = 0;
    return [
      { code: 'SAMPLE_INVALID', problem: 'opens a quote that is not closed' },
      ...rest.flatMap((line) => this.take(line)),
    ];
  }

  #row(cells: string[] | undefined): Row {
    if (!cells) return { code: 'SAMPLE_INVALID', problem: 'has a quote where none may be' };
    if (cells.length !== this.#columns.length) {
      const problem = `has ${cells.length} cells, the header has ${this.#columns.length}`;
      return { code: 'SAMPLE_INVALID', problem };
    }
    return this.#mapping.toRow(this.#columns, cells, this.#meaning);
  }
}

/** The cells of one record; undefined when its quotes are wrong. */
function cellsOf(record: string, delimiter: string): string[] | undefined {
  try {
    return parse(record, { delimiter, trim: true, relax_column_count: true })[0];
  } catch {
    return undefined;
  }
}

/** Whether a quoted cell is open after this line. */
function endsQuoted(line: string, startsQuoted: boolean, delimiter: string): boolean {
  let quoted = startsQuoted;
  let atCellStart = !startsQuoted;
  for (let i = 0; i < line.length; i++) {
    const character = line[i];
    if (quoted) {
      if (character !== '"') continue;
      if (line[i + 1] === '"') i += 1;
      else quoted = false;
    } else if (character === '"' && atCellStart) {
      quoted = true;
      atCellStart = false;
    } else {
      atCellStart = character === delimiter || (atCellStart && character === ' ');
    }
  }
  return quoted;
}

function listed(columns: readonly string[]): string {
  const names = columns.slice(0, 40).map((column) => JSON.stringify(column.slice(0, 64)));
  return names.join(', ') + (columns.length > 40 ? ` and ${columns.length - 40} more` : '');
}
