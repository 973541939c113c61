/** A CSV or NDJSON file as a source that can be read again: every row has a position, and a restart goes on after it. */
import type { Clock } from '../clock.ts';
import type { FileSourceConfig } from '../config/schema.ts';
import { agentError } from '../errors.ts';
import { CsvRows, csvColumns } from './csv-rows.ts';
import { NdjsonRows } from './ndjson-rows.ts';
import { Pace } from './pace.ts';
import { type GoodRow, isBad, type Row, type RowReader } from './row.ts';
import type { SampleSink, Source } from './source.ts';
import { type Line, readLines } from './text-lines.ts';

const LONGEST_TIMEOUT_MS = 3_600_000;

export class FileReplay implements Source {
  readonly id: string;
  readonly #config: FileSourceConfig;
  readonly #clock: Clock;
  readonly #stopped = new AbortController();
  readonly #pace: Pace | undefined;
  #running: Promise<void> = Promise.resolve();
  #done = false;

  constructor(id: string, config: FileSourceConfig, deps: { readonly clock: Clock }) {
    this.id = id;
    this.#config = config;
    this.#clock = deps.clock;
    if (config.speed !== 'full') this.#pace = new Pace(config.speed === 'scaled' ? config.scale : 1);
  }

  /**
   * Positions are the running index of the rows, from 1, over repeats of the file; a refused row uses one up too.
   * @throws CodedError SOURCE_FILE_UNREADABLE, SOURCE_COLUMN_MISSING
   */
  async start(sink: SampleSink, after: number): Promise<void> {
    const firstLine = await this.#firstLine();
    const columns = this.#config.format === 'csv' ? csvColumns(firstLine, this.#config) : [];
    const newReader = () =>
      this.#config.format === 'csv' ? new CsvRows(columns, this.#config) : new NdjsonRows(this.#config);
    this.#running = this.#replay(sink, after, newReader).catch((error: unknown) => {
      if (this.#stopped.signal.aborted) return;
      sink.refused('SOURCE_FILE_UNREADABLE', `${this.id}: ${(error as Error).message}`);
    });
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  done(): boolean {
    return this.#done;
  }

  async #replay(sink: SampleSink, after: number, newReader: () => RowReader): Promise<void> {
    const last = this.#config.repeatToSamples;
    let position = 0;
    do {
      const passStart = position;
      for await (const row of this.#rows(newReader())) {
        if (last !== undefined && position >= last) break;
        position += 1;
        if (position <= after) continue;
        if (isBad(row)) sink.refused(row.code, `${this.id}: row ${position} ${row.problem}`);
        else await this.#deliver(sink, row, position);
        if (this.#stopped.signal.aborted) return;
      }
      const rowsInFile = position - passStart;
      if (rowsInFile === 0 && last !== undefined && position < last) {
        throw agentError('SOURCE_FILE_UNREADABLE', `${this.#config.path} has no rows`, {
          hint: 'It is to be read again and again (repeatToSamples): put rows into it.',
        });
      }
      // Whole passes that were delivered before a restart need no reading.
      if (after > position) position += Math.floor((after - position) / rowsInFile) * rowsInFile;
      this.#pace?.restart();
    } while (last !== undefined && position < last);
    this.#done = true;
  }

  async *#rows(reader: RowReader): AsyncGenerator<Row> {
    const { path, maxRowBytes } = this.#config;
    for await (const lines of readLines(path, maxRowBytes, this.#stopped.signal)) {
      for (const line of lines) yield* reader.take(line);
    }
    yield* reader.end();
  }

  async #deliver(sink: SampleSink, row: GoodRow, position: number): Promise<void> {
    if (this.#pace && row.recordedMs !== null) await this.#until(this.#pace, row.recordedMs);
    while (!sink.hasRoom() && !this.#stopped.signal.aborted) await this.#orStopped(sink.ready());
    if (this.#stopped.signal.aborted) return;
    sink.sample({
      source: this.id,
      // A replay plays the file as if it happened now.
      timeMs: this.#clock.wallMs(),
      correlationId: row.correlationId,
      features: row.features,
      tags: row.tags,
      position,
    });
  }

  async #until(pace: Pace, recordedMs: number): Promise<void> {
    const dueUs = pace.dueUs(recordedMs, this.#clock.monotonicUs());
    for (;;) {
      const waitMs = (dueUs - this.#clock.monotonicUs()) / 1000;
      if (waitMs <= 0 || this.#stopped.signal.aborted) return;
      let timer: NodeJS.Timeout | undefined;
      await this.#orStopped(
        new Promise((resolve) => {
          timer = setTimeout(resolve, Math.min(waitMs, LONGEST_TIMEOUT_MS));
        }),
      );
      clearTimeout(timer);
    }
  }

  /** Ends with `promise`, or as soon as the source is stopped. */
  async #orStopped(promise: Promise<unknown>): Promise<void> {
    const { signal } = this.#stopped;
    if (signal.aborted) return;
    let onAbort = () => {};
    const aborted = new Promise<void>((resolve) => {
      onAbort = resolve;
      signal.addEventListener('abort', onAbort);
    });
    await Promise.race([promise, aborted]);
    signal.removeEventListener('abort', onAbort);
  }

  async #firstLine(): Promise<Line> {
    const { path, maxRowBytes } = this.#config;
    const hint = 'Check the path in device.config.json; it counts from that file’s folder.';
    try {
      for await (const lines of readLines(path, maxRowBytes)) {
        const line = lines.find((each) => typeof each !== 'string' || each.trim() !== '');
        if (line !== undefined) return line;
      }
    } catch (cause) {
      const message = `cannot read ${path}: ${(cause as Error).message}`;
      throw agentError('SOURCE_FILE_UNREADABLE', message, { hint, cause });
    }
    throw agentError('SOURCE_FILE_UNREADABLE', `${path} is empty`, { hint });
  }
}
