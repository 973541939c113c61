/** Which column of a file becomes which feature, the correlation id, or the time. */
import { shortValue } from '../../daemon/config-errors.ts';
import { LIMITS } from '../../protocol/limits.ts';
import type { Tags } from '../../protocol/tags.ts';
import type { FileSourceConfig } from '../config/schema.ts';
import { cellTime } from './cell.ts';
import type { Row } from './row.ts';
import { SampleTags } from './sample-tags.ts';

export class RowMapping {
  readonly #timeColumn: string | undefined;
  readonly #correlationColumn: string | undefined;
  readonly #featureOf: ReadonlyMap<string, string>;
  readonly #named: readonly string[];
  readonly #tagColumns: readonly string[];
  readonly #tags: SampleTags;

  constructor(config: FileSourceConfig) {
    this.#timeColumn = config.timeColumn;
    this.#correlationColumn = config.correlationColumn;
    this.#featureOf = new Map(Object.entries(config.columns).map(([feature, column]) => [column, feature]));
    this.#named = [...this.#featureOf.keys(), config.timeColumn, config.correlationColumn].filter(
      (name) => name !== undefined,
    );
    this.#tagColumns = Object.values(config.tags);
    this.#tags = new SampleTags(config.constantTags, Object.keys(config.tags));
  }

  /** Columns that the configuration names and `columns` lacks; a row of its own may be without a tag. */
  missingFrom(columns: readonly string[], of: 'file' | 'row'): string[] {
    const named = of === 'file' ? [...this.#named, ...this.#tagColumns] : this.#named;
    return named.filter((name) => !columns.includes(name));
  }

  /**
   * Every column but time and correlation id becomes a feature, also one that is a tag.
   * @param meaning what a cell says as a feature
   */
  toRow<Cell>(
    columns: readonly string[],
    cells: readonly Cell[],
    meaning: (cell: Cell) => number | string | null,
  ): Row {
    const features: Record<string, number | string | null> = {};
    let correlationId: string | null = null;
    let recordedMs: number | null = null;
    for (let i = 0; i < columns.length; i++) {
      const column = columns[i] as string;
      const cell = cells[i] as Cell;
      if (column === this.#timeColumn) {
        const ms = cellTime(cell);
        if (ms === undefined) return invalid(`has ${shortValue(cell)} in "${column}", which is no time`);
        recordedMs = ms;
      } else if (column === this.#correlationColumn) {
        correlationId = meaning(cell) === null ? null : String(cell).trim();
        if (correlationId !== null && correlationId.length > LIMITS.correlationIdChars) {
          return invalid(`has more than ${LIMITS.correlationIdChars} characters in "${column}"`);
        }
      } else {
        features[this.#featureOf.get(column) ?? column] = meaning(cell);
      }
    }
    return { features, correlationId, recordedMs, tags: this.#tagsOf(columns, cells) };
  }

  #tagsOf(columns: readonly string[], cells: readonly unknown[]): Tags {
    const values = this.#tagColumns.map((column) => cells[columns.indexOf(column)]);
    return this.#tags.of(values.map((value) => (isScalar(value) ? String(value) : null)));
  }
}

function invalid(problem: string): Row {
  return { code: 'SAMPLE_INVALID', problem };
}

function isScalar(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}
