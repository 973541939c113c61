/** The store's streams and states in memory, where a test needs to shape them; `test/agent/sync/real-store.test.ts` runs the real one. */

import type { StateTable, StreamLog } from '../../../agent/store/store.ts';
import type { RecordOf, Stream } from '../../../protocol/records.ts';

export class MemoryStreams implements StreamLog {
  readonly #records = new Map<Stream, RecordOf[Stream][]>();
  readonly #heads = new Map<Stream, number>();
  readonly #acked = new Map<Stream, number>();
  /** Every cursor move, in order. */
  readonly acks: { stream: Stream; seq: number }[] = [];

  /** What was here at a start since which the server has not spoken. */
  readonly unprovenHeads = new Map<Stream, number>();
  readonly overtakenBy: { stream: Stream; serverSeq: number }[] = [];

  /** How often anybody looked for records. */
  reads = 0;

  /** Commits records, which get the next seqs. */
  append<S extends Stream>(stream: S, records: readonly Omit<RecordOf[S], 'seq'>[]): void {
    const kept = this.#records.get(stream) ?? [];
    this.#records.set(stream, kept);
    let seq = this.head(stream);
    for (const record of records) {
      seq += 1;
      kept.push({ ...record, seq } as unknown as RecordOf[Stream]);
    }
    this.#heads.set(stream, seq);
  }

  /** Retention: forgets the records in this range. */
  drop(stream: Stream, fromSeq: number, toSeq: number): void {
    const kept = this.#records.get(stream) ?? [];
    this.#records.set(
      stream,
      kept.filter(({ seq }) => seq < fromSeq || seq > toSeq),
    );
  }

  read<S extends Stream>(
    stream: S,
    afterSeq: number,
    limit: number,
  ): { records: RecordOf[S][]; gapBefore: number } {
    this.reads += 1;
    const kept = (this.#records.get(stream) ?? []) as RecordOf[S][];
    const start = kept.findIndex(({ seq }) => seq > afterSeq);
    const first = kept[start];
    if (!first) return { records: [], gapBefore: 0 };
    return { records: kept.slice(start, start + limit), gapBefore: first.seq - afterSeq - 1 };
  }

  head(stream: Stream): number {
    this.reads += 1;
    return this.#heads.get(stream) ?? 0;
  }

  waiting(stream: Stream): number {
    const acked = this.acked(stream);
    return (this.#records.get(stream) ?? []).filter(({ seq }) => seq > acked).length;
  }

  acked(stream: Stream): number {
    return this.#acked.get(stream) ?? 0;
  }

  ack(stream: Stream, seq: number): void {
    this.acks.push({ stream, seq });
    this.#acked.set(stream, Math.min(this.head(stream), Math.max(this.acked(stream), seq)));
  }

  unproven(stream: Stream): number | undefined {
    return this.unprovenHeads.get(stream);
  }

  async prove(stream: Stream): Promise<void> {
    this.unprovenHeads.delete(stream);
  }

  overtaken(stream: Stream, serverSeq: number): void {
    this.overtakenBy.push({ stream, serverSeq });
  }
}

export class MemoryStates implements StateTable {
  readonly #values = new Map<string, string>();

  get(key: string): unknown {
    const text = this.#values.get(key);
    return text === undefined ? undefined : JSON.parse(text);
  }

  set(key: string, value: unknown): void {
    this.#values.set(key, JSON.stringify(value));
  }

  delete(key: string): void {
    this.#values.delete(key);
  }

  keys(prefix: string): string[] {
    return [...this.#values.keys()].filter((key) => key.startsWith(prefix));
  }
}
