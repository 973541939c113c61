/** From a block of the input to rows of the model, by the readers of the agent: what it would refuse is refused here. */
import { InputReader } from '../../agent/pipeline/input-reader.ts';
import type { Windower } from '../../agent/pipeline/windower.ts';
import { cellValue } from '../../agent/sources/cell.ts';
import { CsvRows } from '../../agent/sources/csv-rows.ts';
import { NdjsonRows } from '../../agent/sources/ndjson-rows.ts';
import { type BadRow, type GoodRow, isBad, type Row, type RowReader } from '../../agent/sources/row.ts';
import { RowMapping } from '../../agent/sources/row-mapping.ts';
import type { Sample } from '../../agent/sources/source.ts';
import { BlockRows } from './block-rows.ts';
import { CsvScan } from './csv-scan.ts';
import { MAX_ROW_BYTES, type OpenPlan, sourceConfig } from './plan.ts';
import { tensorSample } from './tensor-sample.ts';

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;

export type Values = Readonly<Record<string, number | string | null>>;

export class BlockReader {
  readonly #plan: OpenPlan;
  readonly #input: InputReader;
  readonly #scan: CsvScan | null;
  readonly #features: readonly string[];
  /** Kept columns, as the agent's readers name them. */
  readonly #keep: readonly string[];
  readonly #mapping: RowMapping;

  constructor(plan: OpenPlan) {
    this.#plan = plan;
    const { input: source, output, model } = plan;
    const input = model.manifest.input;
    // Windows go on over the blocks: whoever reads such a file reads all of it.
    this.#input = new InputReader(input, new Map<string, Windower>());
    this.#features = 'features' in input ? input.features.map(({ name }) => name) : [];
    const featureOf = new Map(Object.entries(source.columns).map(([feature, column]) => [column, feature]));
    this.#keep = output.keep.map((column) => featureOf.get(column) ?? column);
    this.#mapping = new RowMapping(sourceConfig(plan));
    this.#scan =
      source.format === 'csv' && input.kind === 'features'
        ? new CsvScan({
            columns: plan.columns,
            delimiter: source.delimiter,
            input,
            key: source.key,
            columnOf: (feature) => source.columns[feature] ?? feature,
            keep: output.keep,
          })
        : null;
  }

  /** @param bytes whole lines of a text file, without the header */
  text(bytes: Buffer): BlockRows {
    const rows = this.#newRows();
    const reader = this.#textReader();
    const csv = reader instanceof CsvRows ? reader : null;
    for (let start = 0; start < bytes.length; ) {
      const newline = bytes.indexOf(NEWLINE, start);
      const next = newline < 0 ? bytes.length : newline + 1;
      let end = newline < 0 ? bytes.length : newline;
      if (end > start && bytes[end - 1] === CARRIAGE_RETURN) end -= 1;
      if (end - start > MAX_ROW_BYTES) this.#take(reader.take({ tooLongBytes: end - start }), rows);
      else if (end > start && !(this.#scan && !csv?.isOpen && this.#scan.scan(bytes, start, end, rows))) {
        this.#take(reader.take(bytes.toString('utf8', start, end)), rows);
      } else if (end === start && csv?.isOpen) this.#take(reader.take(''), rows);
      start = next;
    }
    this.#take(reader.end(), rows);
    return rows;
  }

  /** A line that is too long to be held. */
  tooLong(bytes: number): BlockRows {
    const rows = this.#newRows();
    this.#take(this.#textReader().take({ tooLongBytes: bytes }), rows);
    return rows;
  }

  /** @param values of each row, by column */
  objects(values: readonly Values[]): BlockRows {
    const rows = this.#newRows();
    for (const each of values) {
      const row = this.#mapping.toRow(Object.keys(each), Object.values(each), (value) => value);
      this.#take([row], rows);
    }
    return rows;
  }

  /** @param read gives the bytes of a picture, or throws */
  images(names: readonly string[], read: (name: string) => Uint8Array): BlockRows {
    const rows = this.#newRows();
    for (const name of names) {
      try {
        rows.images.push(read(name));
        rows.accept(name);
      } catch (error) {
        rows.reject(name, 'SAMPLE_INVALID', `the file cannot be read: ${(error as Error).message}`);
      }
    }
    return rows;
  }

  none(): BlockRows {
    return this.#newRows();
  }

  #newRows(): BlockRows {
    return new BlockRows(this.#plan.model.manifest.input, this.#input.width);
  }

  #textReader(): RowReader & { readonly isOpen?: boolean } {
    const config = sourceConfig(this.#plan);
    if (this.#plan.input.format === 'ndjson') return new NdjsonRows(config);
    // Cells stay text until it is known which of them are features: what is kept is kept as it was written.
    const reader = new CsvRows(this.#plan.columns, config, (cell) => cell.trim());
    reader.take('the header, which was read before');
    return reader;
  }

  #take(taken: readonly Row[], rows: BlockRows): void {
    for (const row of taken) {
      if (isBad(row)) {
        rows.reject(null, row.code, row.problem);
        continue;
      }
      const tensors = this.#tensorsOf(row);
      if ('problem' in tensors) {
        rows.reject(row.correlationId || null, tensors.code, tensors.problem);
        continue;
      }
      const sample = {
        ...tensors,
        source: 'batch',
        timeMs: 0,
        correlationId: row.correlationId || null,
        features: this.#plan.input.format === 'csv' ? this.#cells(row.features) : row.features,
      };
      const item = { sample, acceptedUs: 0, number: 0, request: null };
      const reading = this.#input.read(item, rows.room(), rows.places.length * rows.width);
      if (reading === 'row') {
        for (const column of this.#keep) rows.kept.push(row.features[column] ?? null);
        rows.accept(sample.correlationId);
      } else if (reading === 'not-due') rows.skip();
      else rows.reject(sample.correlationId, 'SAMPLE_INVALID', reading.reason);
    }
  }

  #tensorsOf({ features }: GoodRow): Pick<Sample, 'tensor' | 'tensors'> | BadRow {
    const { input } = this.#plan.model.manifest;
    if (input.kind !== 'tensor' && input.kind !== 'tensors') return {};
    try {
      return tensorSample(input, features);
    } catch (error) {
      return { code: 'SAMPLE_INVALID', problem: (error as Error).message };
    }
  }

  #cells(texts: Values): Values {
    const features: Record<string, number | string | null> = {};
    for (const name of this.#features) {
      const text = texts[name];
      if (text !== undefined) features[name] = cellValue(String(text));
    }
    return features;
  }
}
