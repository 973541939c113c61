/** What is watched of a slot as long as one model is its champion: its inputs and its labels, against that model's baseline. */
import type { FeatureStatistics } from '../../protocol/drift/feature-statistics.ts';
import type { InputProfile } from '../../protocol/drift/input-profile.ts';
import type { ActiveModel } from '../models/active-models.ts';
import type { NewEvent } from '../store/records.ts';
import { inputDrift, labelDrift, pairDrift } from './drift-events.ts';
import { DriftMonitor, type DriftMonitorDeps, type FeatureDrift, type PairDrift } from './drift-monitor.ts';
import type { LastingFault } from './fault-counts.ts';
import { FloodGate } from './flood-gate.ts';
import { inputFault, rateChange } from './input-events.ts';
import { featuresOf, InputHealth } from './input-health.ts';
import { SampleRate } from './sample-rate.ts';
import type { SourceChange } from './source-versions.ts';
import { type Watched, watchedInputs, watchedLabels } from './watched-features.ts';

/** Twenty usual windows: rows beyond them would tell drift nothing new, and cost as much as their inference. */
const DRIFT_ROWS_A_SECOND = 10_000;

export interface ModelWatchDeps {
  readonly slot: string;
  readonly model: ActiveModel;
  readonly drift: { readonly window: number; readonly psi: number };
  readonly tell: (event: Pick<NewEvent, 'kind' | 'severity' | 'message' | 'data'>) => void;
  /** The newest change of version of the slot's source. */
  readonly sourceChange: () => SourceChange | null;
  readonly clock: DriftMonitorDeps['clock'];
}

export interface InputFigures {
  /** Of the last 200 samples. */
  readonly faults: LastingFault[];
  /** Samples that came after an unusually long silence. */
  readonly stale: number;
  readonly samplesPerS: number | null;
  readonly usualPerS: number | null;
  /** How often the model says each label, beside its training data. */
  readonly labelDrift: FeatureDrift | null;
  /** Pairs of inputs that no longer move together as they did. */
  readonly pairs: PairDrift[];
  readonly sourceChange: SourceChange | null;
}

export const NOTHING_WATCHED: InputFigures = {
  faults: [],
  stale: 0,
  samplesPerS: null,
  usualPerS: null,
  labelDrift: null,
  pairs: [],
  sourceChange: null,
};

export class ModelWatch {
  readonly model: ActiveModel;
  readonly health: InputHealth;
  readonly rate = new SampleRate();
  readonly #deps: ModelWatchDeps;
  readonly #watched: Watched;
  readonly #inputs: DriftMonitor;
  readonly #labels: DriftMonitor;
  readonly #inputGate = new FloodGate(DRIFT_ROWS_A_SECOND);
  readonly #labelGate = new FloodGate(DRIFT_ROWS_A_SECOND);
  /** A window model gets a row of past values; the newest is the last. */
  readonly #newestOnly: boolean;
  readonly #one = new Float64Array(1);

  constructor(deps: ModelWatchDeps) {
    const { slot, model, drift, tell, clock } = deps;
    this.#deps = deps;
    this.model = model;
    this.#newestOnly = model.manifest.input.kind === 'window';
    this.health = new InputHealth(featuresOf(model.manifest), model.baseline, (fault, begins) =>
      tell(inputFault(slot, fault, begins)),
    );
    const { labels } = model.manifest.output.decision;
    this.#watched = watchedInputs(model.manifest, model.baseline);
    const judged = { ...drift, clock };
    this.#inputs = new DriftMonitor({
      ...judged,
      watched: this.#watched,
      onChange: (change) => tell(inputDrift(slot, change, deps.sourceChange())),
      onPairsShifted: (pairs) => tell(pairDrift(slot, pairs)),
    });
    this.#labels = new DriftMonitor({
      ...judged,
      watched: watchedLabels(model.baseline),
      onChange: (change) => tell(labelDrift(slot, labels, change)),
      onPairsShifted: () => undefined,
    });
  }

  get isDrifting(): boolean {
    return this.#inputs.drifting;
  }

  /** @returns bits of INPUT_HEALTH, drift excepted */
  check(values: ArrayLike<number>, timeMs: number): number {
    const change = this.rate.add(timeMs);
    if (change) this.#deps.tell(rateChange(this.#deps.slot, change));
    return this.health.check(this.#observed(values), timeMs);
  }

  /** Takes a sample into the drift windows; of a flood only the first of each second. */
  observe(values: ArrayLike<number>): void {
    if (this.#inputGate.admits(this.#deps.clock.monotonicUs())) this.#inputs.observe(this.#observed(values));
  }

  /** @param labels what this model said; -1: nothing */
  said(labels: readonly number[]): void {
    const nowUs = this.#deps.clock.monotonicUs();
    for (const label of labels) {
      if (label < 0 || !this.#labelGate.admits(nowUs)) continue;
      this.#one[0] = label;
      this.#labels.observe(this.#one);
    }
  }

  drift(): FeatureDrift[] {
    return this.#inputs.view();
  }

  /** Null before the first window was judged, and for a model without named inputs. */
  profile(): InputProfile | null {
    const statistics = this.#inputs.statistics();
    const { features, rows } = this.#watched;
    if (statistics.length === 0 || statistics.length < features.length) return null;
    const drift = this.#inputs.view();
    return {
      model: this.model.manifestSha256,
      baselineRows: rows,
      features: features.map(({ name, shares, categorical }, i) => ({
        name,
        ...(statistics[i] as FeatureStatistics),
        counts: [...(statistics[i]?.counts ?? [])],
        baseline: [...shares],
        categorical,
        sinceMs: drift[i]?.sinceMs ?? null,
      })),
    };
  }

  inputs(): InputFigures {
    return {
      faults: this.health.lasting(),
      stale: this.health.staleCount(),
      samplesPerS: this.rate.nowPerS,
      usualPerS: this.rate.usualPerS,
      labelDrift: this.#labels.view()[0] ?? null,
      pairs: this.#inputs.shiftedPairs(),
      sourceChange: this.#deps.sourceChange(),
    };
  }

  #observed(values: ArrayLike<number>): ArrayLike<number> {
    if (!this.#newestOnly) return values;
    this.#one[0] = values[values.length - 1] as number;
    return this.#one;
  }
}
