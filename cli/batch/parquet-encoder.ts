/** Answers as a Parquet file that grows by row groups, and can be gone on with after any of them. */
import type { RowGroup, SchemaElement } from 'hyparquet';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { OpenPlan } from './plan.ts';
import { modelName, outputColumns, outputNames } from './text-output.ts';
import type { Answer, Columns } from './worker-messages.ts';

/** Row groups end with the block that reaches this, so that they are the same in every run. */
const GROUP_ROWS = 65_536;

export class ParquetEncoder {
  readonly #plan: OpenPlan;
  readonly #bytes = new ByteWriter();
  readonly #parquet: ParquetWriter;
  #open: Columns[] = [];
  #openRows = 0;

  constructor(plan: OpenPlan, resumed: { readonly memory: string; readonly bytes: number } | null) {
    this.#plan = plan;
    this.#parquet = new ParquetWriter({ writer: this.#bytes, schema: schemaOf(plan), statistics: false });
    if (!resumed) return;
    this.#take();
    this.#bytes.offset = resumed.bytes;
    this.#parquet.row_groups = parseGroups(resumed.memory);
    this.#parquet.num_rows = this.#parquet.row_groups.reduce((sum, { num_rows }) => sum + num_rows, 0n);
  }

  begin(): Uint8Array {
    return this.#take();
  }

  add(output: Answer['output']): Uint8Array {
    if (output instanceof Uint8Array) throw new TypeError('text was given for a Parquet file');
    this.#open.push(output);
    this.#openRows += output.row.length;
    if (this.#openRows >= GROUP_ROWS) this.#writeGroup();
    return this.#take();
  }

  isEven(): boolean {
    return this.#openRows === 0;
  }

  end(): Uint8Array {
    if (this.#openRows > 0) this.#writeGroup();
    this.#parquet.finish();
    return this.#take();
  }

  memory(): string {
    return JSON.stringify(this.#parquet.row_groups, (_, value) =>
      typeof value === 'bigint' ? { $bigint: String(value) } : value,
    );
  }

  #writeGroup(): void {
    const { keep, allOutputs } = this.#plan.output;
    const all = <K extends keyof Columns>(name: K): Columns[K][number][] =>
      this.#open.flatMap((each) => [...each[name]]);
    const model = modelName(this.#plan);
    const values: unknown[][] = [all('row')];
    if (this.#plan.input.key !== null) values.push(all('key'));
    const kept = all('kept');
    for (const k of keep.keys())
      values.push(every(kept, k, keep.length).map((value) => (value === null ? null : String(value))));
    values.push(all('label'), all('score'), new Array<string>(this.#openRows).fill(model));
    if (allOutputs) {
      const outputs = all('outputs');
      const width = outputNames(this.#plan.model.manifest.output.decision).length;
      for (let k = 0; k < width; k++) values.push(every(outputs, k, width));
    }
    // Indexes would have to be remembered until the file ends.
    const columnData = outputColumns(this.#plan).map((name, i) => ({
      name,
      data: values[i] ?? [],
      offsetIndex: false,
    }));
    this.#parquet.write({ columnData, rowGroupSize: this.#openRows });
    this.#parquet.pendingIndexes = [];
    this.#open = [];
    this.#openRows = 0;
  }

  /** What was written since the last time. */
  #take(): Uint8Array {
    const bytes = this.#bytes.getBytes().slice();
    this.#bytes.index = 0;
    return bytes;
  }
}

function schemaOf(plan: OpenPlan): SchemaElement[] {
  const numbers = new Set(plan.output.allOutputs ? outputNames(plan.model.manifest.output.decision) : []);
  const columns = outputColumns(plan);
  const fromInput = columns.slice(1, columns.indexOf('label'));
  return [
    { name: 'root', num_children: columns.length },
    ...columns.map((name): SchemaElement => {
      if (fromInput.includes(name))
        return { name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' };
      if (name === 'row') return { name, type: 'DOUBLE', repetition_type: 'REQUIRED' };
      if (name === 'score' || numbers.has(name)) return { name, type: 'FLOAT', repetition_type: 'REQUIRED' };
      return { name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' };
    }),
  ];
}

function every<T>(values: readonly T[], from: number, step: number): T[] {
  const picked: T[] = [];
  for (let i = from; i < values.length; i += step) picked.push(values[i] as T);
  return picked;
}

function parseGroups(memory: string): RowGroup[] {
  return JSON.parse(memory, (_, value) =>
    typeof value === 'object' && value !== null && '$bigint' in value ? BigInt(value.$bigint) : value,
  ) as RowGroup[];
}
