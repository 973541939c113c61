/** Looks at each sample of a slot: is a value missing, out of its physical range, stuck, or was the source silent before it? */
import type { BaselineProfile, Feature, Manifest } from '../../protocol/manifest.ts';
import { INPUT_HEALTH } from '../../protocol/records.ts';
import { FaultCounts, type FeatureFaults, type LastingFault } from './fault-counts.ts';
import { UsualGap } from './usual-gap.ts';

/** So many equal values in a row are called stuck. Slow real sensors repeat a reading up to about 15 times. */
const STUCK_AFTER = 60;
/** Features with fewer kinds of value than this repeat by nature (categories, switches). */
const STUCK_MIN_BINS = 4;
/** A gap is called stale when it is so many times the usual one, and at least this long. */
const STALE_TIMES = 10;
const STALE_MIN_MS = 5000;
/** Gaps before it is known what is usual. */
const STALE_WARM_UP = 20;

/** Constant memory, no allocation a sample. */
export class InputHealth {
  readonly #names: readonly string[];
  readonly #min: Float64Array;
  readonly #max: Float64Array;
  readonly #canStick: Uint8Array;
  readonly #last: Float64Array;
  readonly #run: Uint32Array;
  readonly #faults: FaultCounts;
  readonly #gap = new UsualGap();
  #stale = 0;

  /** @param onChange a fault begins to last, or is over */
  constructor(
    features: readonly Feature[],
    baseline: BaselineProfile,
    onChange?: (fault: LastingFault, begins: boolean) => void,
  ) {
    const count = features.length;
    this.#names = features.map(({ name }) => name);
    this.#min = Float64Array.from(features, ({ min }) => min ?? Number.NEGATIVE_INFINITY);
    this.#max = Float64Array.from(features, ({ max }) => max ?? Number.POSITIVE_INFINITY);
    this.#canStick = Uint8Array.from(features, ({ name, categories }) => {
      const profile = baseline.features.find((feature) => feature.name === name);
      return !categories && profile && profile.std > 0 && profile.shares.length >= STUCK_MIN_BINS ? 1 : 0;
    });
    this.#last = new Float64Array(count).fill(Number.NaN);
    this.#run = new Uint32Array(count);
    this.#faults = new FaultCounts(this.#names, onChange);
  }

  /**
   * @param values one value a feature, in the manifest's order; NaN is missing
   * @param timeMs when the sample was observed
   * @returns bits of INPUT_HEALTH, 0 when healthy
   */
  check(values: ArrayLike<number>, timeMs: number): number {
    let bits = this.#isStale(timeMs) ? INPUT_HEALTH.stale : 0;
    for (let i = 0; i < this.#names.length; i++) {
      const value = values[i] as number;
      if (Number.isNaN(value)) {
        this.#faults.add('missing', i);
        bits |= INPUT_HEALTH.missing;
        continue;
      }
      if (value < (this.#min[i] as number) || value > (this.#max[i] as number)) {
        this.#faults.add('outOfRange', i);
        bits |= INPUT_HEALTH.outOfRange;
      }
      const run = value === this.#last[i] ? (this.#run[i] as number) + 1 : 1;
      this.#run[i] = run;
      this.#last[i] = value;
      if (run >= STUCK_AFTER && this.#canStick[i] === 1) {
        this.#faults.add('stuck', i);
        bits |= INPUT_HEALTH.stuck;
      }
    }
    this.#faults.sampleDone();
    return bits;
  }

  /** Counts since the start, of features with any fault. */
  faults(): FeatureFaults[] {
    return this.#faults.sinceStart();
  }

  /** What is wrong now: of the last 200 samples. */
  lasting(): LastingFault[] {
    return this.#faults.lasting();
  }

  /** Samples that came after an unusually long silence. */
  staleCount(): number {
    return this.#stale;
  }

  #isStale(timeMs: number): boolean {
    const { lastMs, usualMs, gaps } = this.#gap;
    this.#gap.add(timeMs);
    const gapMs = timeMs - (lastMs ?? timeMs);
    const stale = gaps >= STALE_WARM_UP && gapMs > Math.max(STALE_MIN_MS, STALE_TIMES * usualMs);
    if (stale) this.#stale += 1;
    return stale;
  }
}

/** The features of a manifest by name; none for tensors and pictures, whose values have no names. */
export function featuresOf(manifest: Manifest): readonly Feature[] {
  return 'features' in manifest.input ? manifest.input.features : [];
}
