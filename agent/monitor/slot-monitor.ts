/** Everything that is watched of one slot: fed by its lane in the pipeline, read by the status page. */
import { metricValue } from '../../protocol/evidence/metric-estimate.ts';
import { labelCount } from '../../protocol/evidence/outcome-count.ts';
import type { BaselineProfile } from '../../protocol/manifest.ts';
import { INPUT_HEALTH } from '../../protocol/records.ts';
import type { Clock } from '../clock.ts';
import type { SlotConfig } from '../config/schema.ts';
import type { ActiveModel, ActiveModels } from '../models/active-models.ts';
import type { NewEvent } from '../store/records.ts';
import type { Store } from '../store/store.ts';
import { DriftMonitor, type FeatureDrift } from './drift-monitor.ts';
import { type FeatureFaults, featuresOf, InputHealth } from './input-health.ts';
import { type LatencyQuantiles, LatencyWindow } from './latency-window.ts';
import { RateMeter } from './rate-meter.ts';
import type { SlotFacts } from './silence.ts';
import { UsualGap } from './usual-gap.ts';

export interface SlotMonitorDeps {
  readonly slot: string;
  readonly config: Pick<SlotConfig, 'drift' | 'source'>;
  readonly models: ActiveModels;
  readonly predictions: Pick<Store['predictions'], 'confusion'>;
  readonly tell: (event: NewEvent) => void;
  readonly clock: Clock;
}

/** Twenty usual windows: rows beyond them would tell drift nothing new, and cost as much as their inference. */
const DRIFT_ROWS_A_SECOND = 10_000;

/** Fits `SlotFigures` of the status view. */
export interface SlotFigures {
  readonly predictionsPerS: number;
  readonly latencyUs: LatencyQuantiles | null;
  readonly rateHistory: number[];
  readonly drift: FeatureDrift[];
  readonly online: number | null;
  readonly labels: number;
}

/** What depends on the champion: made anew when it changes. */
interface ModelWatch {
  readonly model: ActiveModel;
  readonly health: InputHealth;
  readonly drift: DriftMonitor;
  /** A window model gets a row of past values; the newest is the last. */
  readonly newestOnly: boolean;
}

export class SlotMonitor {
  readonly #deps: SlotMonitorDeps;
  readonly #rate: RateMeter;
  readonly #latency = new LatencyWindow();
  readonly #gap: UsualGap;
  readonly #newest = new Float64Array(1);
  readonly #startedMs: number;
  #lastPredictionMs: number | null = null;
  /** Whole seconds of the monotonic clock, and the rows that drift was shown in this one. */
  #driftSecond = 0;
  #driftRows = 0;
  #watch: ModelWatch | undefined;

  constructor(deps: SlotMonitorDeps) {
    this.#deps = deps;
    this.#rate = new RateMeter(deps.clock);
    this.#gap = new UsualGap();
    this.#startedMs = deps.clock.monotonicUs() / 1000;
  }

  /**
   * @param values the validated input row of the champion
   * @returns bits of INPUT_HEALTH
   */
  health(values: ArrayLike<number>, timeMs: number): number {
    this.#gap.add(this.#deps.clock.monotonicUs() / 1000);
    const watch = this.#current();
    if (!watch) return 0;
    const bits = watch.health.check(this.#observed(watch, values), timeMs);
    return watch.drift.drifting ? bits | INPUT_HEALTH.drifting : bits;
  }

  /** Takes a sample into the drift windows; of a flood only the first of each second. */
  observe(values: ArrayLike<number>): void {
    const second = Math.floor(this.#deps.clock.monotonicUs() / 1_000_000);
    if (second !== this.#driftSecond) {
      this.#driftSecond = second;
      this.#driftRows = 0;
    }
    if (this.#driftRows >= DRIFT_ROWS_A_SECOND) return;
    this.#driftRows += 1;
    const watch = this.#current();
    watch?.drift.observe(this.#observed(watch, values));
  }

  /** Predictions were made. @param latenciesUs sample accepted to decision made, each */
  predicted(latenciesUs: readonly number[]): void {
    this.#lastPredictionMs = this.#deps.clock.monotonicUs() / 1000;
    this.#rate.add(latenciesUs.length);
    for (const us of latenciesUs) this.#latency.add(us);
  }

  figures(): SlotFigures {
    return {
      predictionsPerS: this.#rate.perSecond(),
      rateHistory: this.#rate.history(),
      latencyUs: this.#latency.quantiles(),
      drift: this.#current()?.drift.view() ?? [],
      ...this.#online(),
    };
  }

  /** Features of the champion with faults, and their counts. */
  faults(): FeatureFaults[] {
    return this.#current()?.health.faults() ?? [];
  }

  /** @param sourceDone a finite source has delivered all it had */
  facts(sourceDone: boolean): SlotFacts {
    return {
      slot: this.#deps.slot,
      source: this.#deps.config.source,
      startedMs: this.#startedMs,
      lastSampleMs: this.#gap.lastMs,
      usualGapMs: this.#gap.usualMs,
      lastPredictionMs: this.#lastPredictionMs,
      sourceDone,
    };
  }

  #online(): { online: number | null; labels: number } {
    const model = this.#current()?.model;
    if (!model) return { online: null, labels: 0 };
    const { slot, predictions } = this.#deps;
    const query = { slot, model: model.manifestSha256, sinceMs: 0, role: 'any' } as const;
    const counts = predictions.confusion(query);
    return { online: metricValue(model.manifest.metric, counts), labels: labelCount(counts) };
  }

  #observed(watch: ModelWatch, values: ArrayLike<number>): ArrayLike<number> {
    if (!watch.newestOnly) return values;
    this.#newest[0] = values[values.length - 1] as number;
    return this.#newest;
  }

  #current(): ModelWatch | undefined {
    const model = this.#deps.models.of(this.#deps.slot)?.champion;
    if (model !== this.#watch?.model) this.#watch = model && this.#watchOf(model);
    return this.#watch;
  }

  #watchOf(model: ActiveModel): ModelWatch {
    const { drift } = this.#deps.config;
    const features = featuresOf(model.manifest);
    return {
      model,
      health: new InputHealth(features, model.baseline),
      drift: new DriftMonitor({
        features: features.map(({ name }) => profileOf(model.baseline, name)),
        rows: model.baseline.rows,
        window: drift.window,
        psi: drift.psi,
        onChange: (change) => this.#driftChanged(change),
      }),
      newestOnly: model.manifest.input.kind === 'window',
    };
  }

  #driftChanged({ feature, psi, drifting }: FeatureDrift): void {
    const { slot, clock, tell } = this.#deps;
    tell({
      timeMs: clock.wallMs(),
      kind: 'drift',
      severity: drifting ? 'warning' : 'info',
      slot,
      message: drifting
        ? `${feature} of ${slot} no longer looks like the data that the model was trained on (PSI ${psi.toFixed(2)}).`
        : `${feature} of ${slot} looks like the training data again.`,
      data: { feature, psi, drifting },
    });
  }
}

/** A feature that the profile does not know is never called drifting: one bin holds everything. */
function profileOf(baseline: BaselineProfile, name: string): BaselineProfile['features'][number] {
  const known = baseline.features.find((feature) => feature.name === name);
  return known ?? { name, mean: 0, std: 0, edges: [], shares: [1] };
}
