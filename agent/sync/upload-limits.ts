/** What sending records may cost on this link: a day and a second for all of them, a second for each slot's predictions. */
import type { RecordOf, Stream } from '../../protocol/records.ts';
import type { Clock } from '../clock.ts';
import type { DeviceConfig } from '../config/schema.ts';
import type { StateTable } from '../store/store.ts';
import { ByteBudget, type ByteLimits } from './byte-budget.ts';

export interface UploadLimitsDeps {
  readonly telemetry: ByteLimits;
  readonly slots: Readonly<Record<string, Pick<DeviceConfig['slots'][string], 'upload'>>>;
  readonly states: StateTable;
  readonly clock: Clock;
}

/** Rather a little too much for the first batch than ages for nothing. */
const FIRST_RECORD_BYTES = 64;
/** Below it a batch is mostly its own header. */
const MIN_RECORDS = 16;
/** What a prediction weighs without its features, and a feature: only their proportion counts. */
const WEIGHT = { prediction: 6, feature: 2 } as const;

export class UploadLimits {
  readonly #all: ByteBudget;
  /** Of slots with a cap. */
  readonly #slots = new Map<string, ByteBudget>();
  readonly #maxBytesPerS: number;
  #recordBytes = FIRST_RECORD_BYTES;

  constructor({ telemetry, slots, states, clock }: UploadLimitsDeps) {
    this.#all = new ByteBudget({ of: 'records', limits: telemetry, states, clock });
    const caps = Object.entries(slots).map(([slot, { upload }]) => [slot, upload.maxBytesPerS] as const);
    for (const [slot, maxBytesPerS] of caps) {
      const limits = { maxBytesPerDay: null, maxBytesPerS };
      if (maxBytesPerS !== null)
        this.#slots.set(slot, new ByteBudget({ of: 'records', limits, states, clock }));
    }
    this.#maxBytesPerS = Math.min(
      ...[telemetry.maxBytesPerS, ...caps.map(([, cap]) => cap)].map(
        (cap) => cap ?? Number.POSITIVE_INFINITY,
      ),
    );
  }

  /** Why records wait, for people; null while none wait for the day to end. */
  get reason(): string | null {
    return this.#all.reason;
  }

  /** ms until this stream may send; 0: now. What is live is never held back. */
  waitMs(stream: Stream): number {
    return stream === 'events' ? 0 : this.#all.waitMs();
  }

  /** How many records make a batch that the strictest cap lets through in about a second. */
  maxRecords(stream: Stream): number {
    if (stream === 'events') return Number.POSITIVE_INFINITY;
    return Math.max(MIN_RECORDS, Math.floor(this.#maxBytesPerS / this.#recordBytes));
  }

  /** How many of these, from the first, no slot's cap holds back; and ms until the next one may follow. */
  free<S extends Stream>(stream: S, records: readonly RecordOf[S][]): { count: number; waitMs: number } {
    if (stream !== 'predictions' || this.#slots.size === 0) return { count: records.length, waitMs: 0 };
    const waits = new Map([...this.#slots].map(([slot, cap]) => [slot, cap.waitMs()]));
    const waitOf = (record: RecordOf[S]) => waits.get((record as RecordOf['predictions']).slot) ?? 0;
    const held = records.findIndex((record) => waitOf(record) > 0);
    const first = records[held];
    return first ? { count: held, waitMs: waitOf(first) } : { count: records.length, waitMs: 0 };
  }

  /** A batch of these went out. */
  spend<S extends Stream>(stream: S, bytes: number, records: readonly RecordOf[S][]): void {
    this.#all.spend(bytes);
    if (stream !== 'predictions') return;
    this.#recordBytes = bytes / records.length;
    if (this.#slots.size === 0) return;
    const weights = new Map<string, number>();
    let whole = 0;
    for (const { slot, features } of records as readonly RecordOf['predictions'][]) {
      const weight = WEIGHT.prediction + WEIGHT.feature * (features?.length ?? 0);
      weights.set(slot, (weights.get(slot) ?? 0) + weight);
      whole += weight;
    }
    for (const [slot, weight] of weights) this.#slots.get(slot)?.spend((bytes * weight) / whole);
  }
}
