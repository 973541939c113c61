/** What sending records may cost on this link: a day and a second for all of them, a second for each slot's predictions. */
import type { RecordOf, Stream } from '../../protocol/records.ts';
import type { Clock } from '../clock.ts';
import type { DeviceConfig } from '../config/schema.ts';
import type { StateTable } from '../store/store.ts';
import { ByteBudget, type ByteLimits } from './byte-budget.ts';
import { UploadPace } from './upload-pace.ts';

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
  readonly #slots = new Map<string, { readonly budget: ByteBudget; readonly maxBytesPerS: number }>();
  readonly #pace: UploadPace;
  readonly #linkBytesPerS: number | null;
  /** The strictest of all. */
  readonly #maxBytesPerS: number;
  #recordBytes = FIRST_RECORD_BYTES;

  constructor({ telemetry, slots, states, clock }: UploadLimitsDeps) {
    this.#all = new ByteBudget({ of: 'records', limits: telemetry, states, clock });
    this.#pace = new UploadPace(clock);
    this.#linkBytesPerS = telemetry.maxBytesPerS;
    const caps = Object.entries(slots).map(([slot, { upload }]) => [slot, upload.maxBytesPerS] as const);
    for (const [slot, maxBytesPerS] of caps) {
      if (maxBytesPerS === null) continue;
      const limits = { maxBytesPerDay: null, maxBytesPerS };
      const budget = new ByteBudget({ of: 'records', limits, states, clock });
      this.#slots.set(slot, { budget, maxBytesPerS });
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

  /** What slows predictions down, and until when, for people; null: no cap is felt. @param waiting predictions */
  pace(waiting: number): string | null {
    return this.#pace.words(waiting);
  }

  /** ms until this stream may send; 0: now. What is live is never held back. */
  waitMs(stream: Stream): number {
    if (stream === 'events') return 0;
    const waitMs = this.#all.waitMs();
    if (stream === 'predictions' && waitMs > 0 && this.#linkBytesPerS !== null && this.reason === null)
      this.#pace.waits({ slot: null, maxBytesPerS: this.#linkBytesPerS }, waitMs);
    return waitMs;
  }

  /** How many records make a batch that the strictest cap lets through in about a second. */
  maxRecords(stream: Stream): number {
    if (stream === 'events') return Number.POSITIVE_INFINITY;
    return Math.max(MIN_RECORDS, Math.floor(this.#maxBytesPerS / this.#recordBytes));
  }

  /** How many of these, from the first, no slot's cap holds back; and ms until the next one may follow. */
  free<S extends Stream>(stream: S, records: readonly RecordOf[S][]): { count: number; waitMs: number } {
    if (stream !== 'predictions' || this.#slots.size === 0) return { count: records.length, waitMs: 0 };
    const waits = new Map([...this.#slots].map(([slot, { budget }]) => [slot, budget.waitMs()]));
    const slotOf = (record: RecordOf[S]) => (record as RecordOf['predictions']).slot;
    const held = records.findIndex((record) => (waits.get(slotOf(record)) ?? 0) > 0);
    const first = records[held];
    if (!first) return { count: records.length, waitMs: 0 };
    const slot = slotOf(first);
    const waitMs = waits.get(slot) ?? 0;
    this.#pace.waits({ slot, maxBytesPerS: this.#slots.get(slot)?.maxBytesPerS ?? 0 }, waitMs);
    return { count: held, waitMs };
  }

  /** A batch of these went out. */
  spend<S extends Stream>(stream: S, bytes: number, records: readonly RecordOf[S][]): void {
    this.#all.spend(bytes);
    if (stream !== 'predictions') return;
    this.#pace.sent(records.length);
    this.#recordBytes = bytes / records.length;
    if (this.#slots.size === 0) return;
    const weights = new Map<string, number>();
    let whole = 0;
    for (const { slot, features } of records as readonly RecordOf['predictions'][]) {
      const weight = WEIGHT.prediction + WEIGHT.feature * (features?.length ?? 0);
      weights.set(slot, (weights.get(slot) ?? 0) + weight);
      whole += weight;
    }
    for (const [slot, weight] of weights) this.#slots.get(slot)?.budget.spend((bytes * weight) / whole);
  }
}
