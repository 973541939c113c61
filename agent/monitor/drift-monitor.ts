/** Watches the inputs of one slot, or its labels, for drift from what its model was trained on. */
import { correlation, correlationExcess } from '../../protocol/drift/correlation-shift.ts';
import { type DriftVerdict, judgeDrift } from '../../protocol/drift/drift-verdict.ts';
import { effectiveSamples, type FeatureStatistics } from '../../protocol/drift/feature-statistics.ts';
import { FeatureWindow } from './feature-window.ts';
import { Hysteresis } from './hysteresis.ts';
import { PairWindow } from './pair-window.ts';
import type { Watched } from './watched-features.ts';

/** A flood of samples is judged no more often; the window then holds all of them. */
const JUDGE_EVERY_MS = 1000;
/** Samples between two looks at the clock, while the window is full and the time has not come. */
const LOOK_AGAIN_AFTER = 32;
/** Judgements that a signal's slowness is known by. */
const MEMORY = 8;

export interface FeatureDrift {
  readonly feature: string;
  readonly psi: number;
  /** Distance, 0..1. */
  readonly jensenShannon: number;
  /** Kolmogorov-Smirnov distance, 0..1; null for categories. */
  readonly ks: number | null;
  readonly drifting: boolean;
  /** Wall clock of the judgement that called it drifting; null while it does not. */
  readonly sinceMs: number | null;
  /** Shares of the last window, a bin of the baseline each; empty before the first window is full. */
  readonly shares: readonly number[];
  readonly baselineShares: readonly number[];
}

/** Two features that no longer move together as they did, though neither drifts by itself. */
export interface PairDrift {
  readonly features: readonly [string, string];
  readonly baseline: number;
  readonly now: number;
}

export interface DriftMonitorDeps {
  /** Features in the order of the values that `observe` gets. */
  readonly watched: Watched;
  /** Samples a window; judged each time half of it is new. */
  readonly window: number;
  /** The configured PSI. */
  readonly psi: number;
  /** A feature began to drift, or calmed down. */
  readonly onChange: (drift: FeatureDrift) => void;
  /** Pairs shifted with one judgement (one bad input takes many with it); none: no pair is shifted any more. */
  readonly onPairsShifted: (pairs: readonly PairDrift[]) => void;
  readonly clock: { monotonicUs(): number; wallMs(): number };
}

interface FeatureState {
  readonly hysteresis: Hysteresis;
  /** Mean of the last judgements, null before: one window alone now and then takes a slow signal for a fast one. */
  autocorrelation: number | null;
  verdict: DriftVerdict | undefined;
  statistics: FeatureStatistics | undefined;
  sinceMs: number | null;
}

interface PairState {
  readonly hysteresis: Hysteresis;
  readonly a: number;
  readonly b: number;
  /** Place in the upper triangle. */
  readonly place: number;
  readonly baseline: number;
  now: number;
}

export class DriftMonitor {
  readonly #deps: DriftMonitorDeps;
  readonly #states: FeatureState[];
  readonly #pairs: PairState[];
  readonly #isWatchingPairs: boolean;
  #half: HalfWindow;
  #halfBefore: HalfWindow;
  #halvesSeen = 0;
  #closedMs = Number.NEGATIVE_INFINITY;
  #closeAt: number;
  #drifting = false;

  constructor(deps: DriftMonitorDeps) {
    const { features } = deps.watched;
    this.#deps = deps;
    this.#states = features.map(() => ({
      hysteresis: new Hysteresis(),
      autocorrelation: null,
      verdict: undefined,
      statistics: undefined,
      sinceMs: null,
    }));
    this.#pairs = pairsOf(deps.watched);
    this.#isWatchingPairs = this.#pairs.length > 0;
    this.#half = new HalfWindow(deps.watched);
    this.#halfBefore = new HalfWindow(deps.watched);
    this.#closeAt = deps.window / 2;
  }

  /** Counts only, mostly. @param values one a feature; NaN (missing) is passed over */
  observe(values: ArrayLike<number>): void {
    const { features, pairs } = this.#half;
    features.add(values);
    if (this.#isWatchingPairs) pairs.add(features.grades);
    if (features.samples >= this.#closeAt) this.#closeHalf();
  }

  /** True while any feature drifts. */
  get drifting(): boolean {
    return this.#drifting;
  }

  view(): FeatureDrift[] {
    return this.#states.map((_, i) => this.#viewOf(i));
  }

  /** Pairs that have shifted. */
  shiftedPairs(): PairDrift[] {
    return this.#pairs.filter(({ hysteresis }) => hysteresis.raised).map((pair) => this.#pairView(pair));
  }

  /** Of the last window that was judged, in the order of the features; empty before. */
  statistics(): FeatureStatistics[] {
    return this.#states.flatMap(({ statistics }) => (statistics ? [statistics] : []));
  }

  #closeHalf(): void {
    const nowMs = this.#deps.clock.monotonicUs() / 1000;
    if (nowMs - this.#closedMs < JUDGE_EVERY_MS) {
      this.#closeAt += LOOK_AGAIN_AFTER;
      return;
    }
    this.#closedMs = nowMs;
    this.#closeAt = this.#deps.window / 2;
    this.#halvesSeen += 1;
    if (this.#halvesSeen > 1) this.#judge();
    [this.#half, this.#halfBefore] = [this.#halfBefore, this.#half];
    this.#half.clear();
  }

  #judge(): void {
    const { watched, psi, onChange, clock } = this.#deps;
    this.#states.forEach((state, i) => {
      const feature = watched.features[i];
      if (!feature) return;
      state.statistics = this.#statisticsOf(state, i);
      const reference = { ...feature, rows: watched.rows };
      state.verdict = judgeDrift(state.statistics, reference, psi, this.#states.length);
      if (!state.hysteresis.judge(state.verdict.excess)) return;
      state.sinceMs = state.hysteresis.raised ? clock.wallMs() : null;
      onChange(this.#viewOf(i));
    });
    this.#drifting = this.#states.some(({ hysteresis }) => hysteresis.raised);
    const changed = this.#pairs.filter((pair) => this.#judgePair(pair));
    if (changed.length === 0) return;
    const shifted = changed.filter(({ hysteresis }) => hysteresis.raised);
    if (shifted.length > 0 || this.shiftedPairs().length === 0) {
      this.#deps.onPairsShifted(shifted.map((pair) => this.#pairView(pair)));
    }
  }

  #statisticsOf(state: FeatureState, i: number): FeatureStatistics {
    const window = this.#half.features.with(this.#halfBefore.features, i);
    const { autocorrelation: known, hysteresis } = state;
    // What has drifted away may stand at the end of its scale, which tells nothing of how slow it is.
    if (known === null || !hysteresis.raised) {
      const judgements = Math.min(this.#halvesSeen - 1, MEMORY);
      state.autocorrelation = (known ?? 0) + (window.autocorrelation - (known ?? 0)) / judgements;
    }
    return { ...window, autocorrelation: state.autocorrelation ?? window.autocorrelation };
  }

  /** @returns whether its state changed */
  #judgePair(pair: PairState): boolean {
    const { watched } = this.#deps;
    const [a, b] = [this.#states[pair.a], this.#states[pair.b]];
    if (!a?.statistics || !b?.statistics) return false;
    pair.now = correlation(this.#half.pairs.with(this.#halfBefore.pairs, pair.place, pair.a, pair.b));
    const samples = Math.min(effectiveSamples(a.statistics), effectiveSamples(b.statistics));
    const excess = correlationExcess(pair.now, pair.baseline, samples, watched.rows, this.#pairs.length);
    // What drifts by itself crowds into its outer bins, and seems to move with nothing: that is said already.
    const saidAlready = Math.max(a.verdict?.excess ?? 0, b.verdict?.excess ?? 0) > 1;
    return pair.hysteresis.judge(saidAlready ? 0 : excess);
  }

  #pairView({ a, b, baseline, now }: PairState): PairDrift {
    const nameOf = (i: number) => this.#deps.watched.features[i]?.name ?? '';
    return { features: [nameOf(a), nameOf(b)], baseline, now };
  }

  #viewOf(i: number): FeatureDrift {
    const state = this.#states[i];
    const profile = this.#deps.watched.features[i];
    return {
      feature: profile?.name ?? '',
      psi: state?.verdict?.psi ?? 0,
      jensenShannon: state?.verdict?.jensenShannon ?? 0,
      ks: state?.verdict?.ks ?? null,
      drifting: state?.hysteresis.raised ?? false,
      sinceMs: state?.sinceMs ?? null,
      shares: state?.verdict?.shares ?? [],
      baselineShares: profile?.shares ?? [],
    };
  }
}

/** Half a window of samples. */
class HalfWindow {
  readonly features: FeatureWindow;
  readonly pairs: PairWindow;

  constructor({ features, correlations }: Watched) {
    this.features = new FeatureWindow(features);
    this.pairs = new PairWindow(correlations.length > 0 ? features.length : 0);
  }

  clear(): void {
    this.features.clear();
    this.pairs.clear();
  }
}

function pairsOf({ features, correlations }: Watched): PairState[] {
  if (correlations.length === 0) return [];
  const all = features.flatMap((_, a) => features.slice(a + 1).map((_, next) => ({ a, b: a + 1 + next })));
  return all
    .map((pair, place) => ({ ...pair, place, baseline: correlations[place] ?? Number.NaN }))
    .filter(({ a, b, baseline }) => {
      const ordered = !features[a]?.categorical && !features[b]?.categorical;
      return ordered && !Number.isNaN(baseline);
    })
    .map((pair) => ({ ...pair, hysteresis: new Hysteresis(), now: Number.NaN }));
}
