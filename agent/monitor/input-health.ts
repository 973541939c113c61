/** Looks at each sample of a slot: is a value missing, out of its physical range, stuck, or was the source silent before it? */
import type { BaselineProfile, Feature, Manifest } from '../../protocol/manifest.ts';
import { INPUT_HEALTH } from '../../protocol/records.ts';
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

export interface FeatureFaults {
  readonly feature: string;
  readonly missing: number;
  readonly outOfRange: number;
  readonly stuck: number;
}

/** Constant memory, no allocation a sample. */
export class InputHealth {
  readonly #names: readonly string[];
  readonly #min: Float64Array;
  readonly #max: Float64Array;
  readonly #canStick: Uint8Array;
  readonly #last: Float64Array;
  readonly #run: Uint32Array;
  readonly #missing: Float64Array;
  readonly #outOfRange: Float64Array;
  readonly #stuck: Float64Array;
  readonly #gap = new UsualGap();
  #stale = 0;

  constructor(features: readonly Feature[], baseline: BaselineProfile) {
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
    this.#missing = new Float64Array(count);
    this.#outOfRange = new Float64Array(count);
    this.#stuck = new Float64Array(count);
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
        this.#count(this.#missing, i);
        bits |= INPUT_HEALTH.missing;
        continue;
      }
      if (value < (this.#min[i] as number) || value > (this.#max[i] as number)) {
        this.#count(this.#outOfRange, i);
        bits |= INPUT_HEALTH.outOfRange;
      }
      const run = value === this.#last[i] ? (this.#run[i] as number) + 1 : 1;
      this.#run[i] = run;
      this.#last[i] = value;
      if (run >= STUCK_AFTER && this.#canStick[i] === 1) {
        this.#count(this.#stuck, i);
        bits |= INPUT_HEALTH.stuck;
      }
    }
    return bits;
  }

  /** Counts since the start, of features with any fault. */
  faults(): FeatureFaults[] {
    return this.#names
      .map((feature, i) => ({
        feature,
        missing: this.#missing[i] as number,
        outOfRange: this.#outOfRange[i] as number,
        stuck: this.#stuck[i] as number,
      }))
      .filter(({ missing, outOfRange, stuck }) => missing + outOfRange + stuck > 0);
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

  #count(counts: Float64Array, i: number): void {
    counts[i] = (counts[i] as number) + 1;
  }
}

/** The features of a manifest by name; none for tensors and pictures, whose values have no names. */
export function featuresOf(manifest: Manifest): readonly Feature[] {
  return 'features' in manifest.input ? manifest.input.features : [];
}
