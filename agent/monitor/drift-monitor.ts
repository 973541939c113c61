/** Watches the inputs of one slot for drift from what its model was trained on. */
import type { BaselineProfile } from '../../protocol/manifest.ts';
import { type DriftVerdict, judgeDrift } from './drift-verdict.ts';
import { FeatureWindow } from './feature-window.ts';

/** Verdicts in a row that change a feature's state; and how far below its threshold a feature must fall to be calm again. */
const IN_A_ROW = 2;
const CALM = 0.8;

export interface FeatureDrift {
  readonly feature: string;
  readonly psi: number;
  readonly drifting: boolean;
  /** Shares of the last window, a bin of the baseline each; empty before the first window is full. */
  readonly shares: number[];
  readonly baselineShares: number[];
}

export interface DriftMonitorDeps {
  /** Features in the order of the values that `observe` gets. */
  readonly features: BaselineProfile['features'];
  /** Rows that the baseline was made from. */
  readonly rows: number;
  /** Samples a window; judged each time half of it is new. */
  readonly window: number;
  /** The configured PSI. */
  readonly psi: number;
  /** A feature began to drift, or calmed down. */
  readonly onChange: (drift: FeatureDrift) => void;
}

interface FeatureState {
  drifting: boolean;
  /** Verdicts in a row that speak against `drifting`. */
  against: number;
  verdict: DriftVerdict | undefined;
}

export class DriftMonitor {
  readonly #deps: DriftMonitorDeps;
  readonly #states: FeatureState[];
  #half: FeatureWindow;
  #halfBefore: FeatureWindow;
  #halvesSeen = 0;
  #drifting = false;

  constructor(deps: DriftMonitorDeps) {
    this.#deps = deps;
    this.#states = deps.features.map(() => ({ drifting: false, against: 0, verdict: undefined }));
    this.#half = new FeatureWindow(deps.features);
    this.#halfBefore = new FeatureWindow(deps.features);
  }

  /** @param values one a feature; NaN (missing) is passed over */
  observe(values: ArrayLike<number>): void {
    this.#half.add(values);
    if (this.#half.samples * 2 < this.#deps.window) return;
    this.#halvesSeen += 1;
    if (this.#halvesSeen > 1) this.#judge();
    [this.#half, this.#halfBefore] = [this.#halfBefore, this.#half];
    this.#half.clear();
  }

  /** True while any feature drifts. */
  get drifting(): boolean {
    return this.#drifting;
  }

  view(): FeatureDrift[] {
    return this.#states.map((_, i) => this.#viewOf(i));
  }

  #judge(): void {
    const { features, rows, psi, onChange } = this.#deps;
    features.forEach(({ shares }, i) => {
      const state = this.#states[i];
      if (!state) return;
      const statistics = this.#half.with(this.#halfBefore, i);
      const verdict = judgeDrift(statistics, { shares, rows }, psi, features.length);
      state.verdict = verdict;
      const against = state.drifting ? verdict.excess < CALM : verdict.excess > 1;
      state.against = against ? state.against + 1 : 0;
      if (state.against < IN_A_ROW) return;
      state.drifting = !state.drifting;
      state.against = 0;
      onChange(this.#viewOf(i));
    });
    this.#drifting = this.#states.some(({ drifting }) => drifting);
  }

  #viewOf(i: number): FeatureDrift {
    const state = this.#states[i];
    const profile = this.#deps.features[i];
    return {
      feature: profile?.name ?? '',
      psi: state?.verdict?.psi ?? 0,
      drifting: state?.drifting ?? false,
      shares: state?.verdict?.shares ?? [],
      baselineShares: profile?.shares ?? [],
    };
  }
}
