/** How well the models of a slot do by what really happened here: champion, and challenger where there is one. */
import { type MetricReport, metricReport } from '../../protocol/evidence/metric-report.ts';
import type { Clock } from '../clock.ts';
import type { ActiveModel, ActiveModels } from '../models/active-models.ts';
import type { Store } from '../store/store.ts';

interface SlotQualityDeps {
  readonly slot: string;
  readonly models: ActiveModels;
  readonly predictions: Pick<Store['predictions'], 'outcomes'>;
  readonly clock: Clock;
}

export interface Quality {
  readonly champion: MetricReport | null;
  readonly challenger: MetricReport | null;
}

/** The page and the metrics ask more often than labels come. */
const KEPT_MS = 1000;
const NONE: Quality = { champion: null, challenger: null };

export class SlotQuality {
  readonly #deps: SlotQualityDeps;
  #kept: Quality = NONE;
  #keptAtMs = Number.NEGATIVE_INFINITY;
  #keptFor: ActiveModel | undefined;

  constructor(deps: SlotQualityDeps) {
    this.#deps = deps;
  }

  /** At most a second old. */
  get now(): Quality {
    const { models, slot, clock } = this.#deps;
    const active = models.of(slot);
    const nowMs = clock.monotonicUs() / 1000;
    if (active?.champion === this.#keptFor && nowMs - this.#keptAtMs < KEPT_MS) return this.#kept;
    this.#keptFor = active?.champion;
    this.#keptAtMs = nowMs;
    this.#kept = active
      ? {
          champion: this.#report(active.champion),
          challenger: active.challenger ? this.#report(active.challenger.model) : null,
        }
      : NONE;
    return this.#kept;
  }

  #report({ manifest, manifestSha256 }: ActiveModel): MetricReport {
    const { slot, predictions } = this.#deps;
    const query = { slot, model: manifestSha256, role: 'any' } as const;
    return metricReport(manifest.metric, predictions.outcomes(query));
  }
}
