/** Everything that is watched of one slot: fed by its lane in the pipeline, read by the status page. */
import type { InputProfile } from '../../protocol/drift/input-profile.ts';
import { INPUT_HEALTH } from '../../protocol/records.ts';
import type { Clock } from '../clock.ts';
import type { SlotConfig } from '../config/schema.ts';
import type { ActiveModels } from '../models/active-models.ts';
import type { NewEvent } from '../store/records.ts';
import type { Store } from '../store/store.ts';
import type { FeatureDrift } from './drift-monitor.ts';
import type { FeatureFaults } from './fault-counts.ts';
import { type LatencyQuantiles, LatencyWindow } from './latency-window.ts';
import { type InputFigures, ModelWatch, NOTHING_WATCHED } from './model-watch.ts';
import { RateMeter } from './rate-meter.ts';
import type { SlotFacts } from './silence.ts';
import { type Quality, SlotQuality } from './slot-quality.ts';
import type { SourceChange } from './source-versions.ts';
import { UsualGap } from './usual-gap.ts';

export interface SlotMonitorDeps {
  readonly slot: string;
  readonly config: Pick<SlotConfig, 'drift' | 'source'>;
  readonly models: ActiveModels;
  readonly predictions: Pick<Store['predictions'], 'outcomes'>;
  readonly tell: (event: NewEvent) => void;
  /** The newest change of version of the slot's source. */
  readonly sourceChange: () => SourceChange | null;
  readonly clock: Clock;
}

/** Fits `SlotFigures` of the status view. */
export interface SlotFigures {
  readonly predictionsPerS: number;
  readonly latencyUs: LatencyQuantiles | null;
  readonly rateHistory: number[];
  readonly drift: FeatureDrift[];
  readonly inputs: InputFigures;
  readonly quality: Quality;
}

export class SlotMonitor {
  readonly #deps: SlotMonitorDeps;
  readonly #rate: RateMeter;
  readonly #latency = new LatencyWindow();
  readonly #gap: UsualGap;
  readonly #quality: SlotQuality;
  readonly #startedMs: number;
  #lastPredictionMs: number | null = null;
  #watch: ModelWatch | undefined;

  constructor(deps: SlotMonitorDeps) {
    this.#deps = deps;
    this.#rate = new RateMeter(deps.clock);
    this.#gap = new UsualGap();
    this.#quality = new SlotQuality(deps);
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
    const bits = watch.check(values, timeMs);
    return watch.isDrifting ? bits | INPUT_HEALTH.drifting : bits;
  }

  /** Takes a sample into the drift windows. */
  observe(values: ArrayLike<number>): void {
    this.#current()?.observe(values);
  }

  /**
   * Predictions were made.
   * @param latenciesUs sample accepted to decision made, each
   * @param labels of the champion, each; -1 where it said none
   */
  predicted(latenciesUs: readonly number[], labels: readonly number[]): void {
    this.#lastPredictionMs = this.#deps.clock.monotonicUs() / 1000;
    this.#rate.add(latenciesUs.length);
    for (const us of latenciesUs) this.#latency.add(us);
    this.#current()?.said(labels);
  }

  figures(): SlotFigures {
    const watch = this.#current();
    return {
      predictionsPerS: this.#rate.perSecond(),
      rateHistory: this.#rate.history(),
      latencyUs: this.#latency.quantiles(),
      drift: watch?.drift() ?? [],
      inputs: watch?.inputs() ?? NOTHING_WATCHED,
      quality: this.#quality.now,
    };
  }

  /** What the inputs of the champion looked like in the last window; null before. */
  profile(): InputProfile | null {
    return this.#current()?.profile() ?? null;
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

  #current(): ModelWatch | undefined {
    const { slot, config, models, clock, tell, sourceChange } = this.#deps;
    const model = models.of(slot)?.champion;
    if (model === this.#watch?.model) return this.#watch;
    this.#watch =
      model &&
      new ModelWatch({
        slot,
        model,
        drift: config.drift,
        tell: (event) => tell({ timeMs: clock.wallMs(), slot, ...event }),
        sourceChange,
        clock,
      });
    return this.#watch;
  }
}
