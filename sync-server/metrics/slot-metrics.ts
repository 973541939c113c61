/** How well each version of a slot's model does over the whole fleet: now, over time, and by slice. */
import { metricEstimate } from '../../protocol/evidence/metric-estimate.ts';
import { metricReport, shown } from '../../protocol/evidence/metric-report.ts';
import { modelTitle } from '../../protocol/manifest.ts';
import type { Clock } from '../clock.ts';
import { serverError } from '../errors.ts';
import type { PublishedModel } from '../store/model-table.ts';
import type { ModelOutcome, SpanOutcome } from '../store/outcome-table.ts';
import type { ServerStore } from '../store/server-store.ts';
import type { SlotMetricsView, VersionMetricView } from '../views/slot-metrics.ts';
import { spanFor } from './curve-spans.ts';

interface SlotMetricsDeps {
  readonly store: Pick<ServerStore, 'outcomes' | 'models' | 'devices'>;
  readonly clock: Clock;
}

/** However many consoles ask, a slot is counted once in this time. */
const KEPT_MS = 2000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MOST_KEPT = 100;

export class SlotMetrics {
  readonly #deps: SlotMetricsDeps;
  readonly #kept = new Map<string, { atMs: number; view: SlotMetricsView }>();

  constructor(deps: SlotMetricsDeps) {
    this.#deps = deps;
  }

  /**
   * @param days up to the newest labelled prediction, by the devices' clocks: a recording played again has its own time
   * @throws CodedError SLOT_UNKNOWN when no device has such a slot
   */
  of(slot: string, days: number): SlotMetricsView {
    const key = `${days} ${slot}`;
    const nowMs = this.#deps.clock.monotonicMs();
    const kept = this.#kept.get(key);
    if (kept && nowMs - kept.atMs < KEPT_MS) return kept.view;
    const view = this.#view(slot, days);
    if (this.#kept.size >= MOST_KEPT) this.#kept.clear();
    this.#kept.set(key, { atMs: nowMs, view });
    return view;
  }

  #view(slot: string, days: number): SlotMetricsView {
    const { outcomes, models, devices } = this.#deps.store;
    const began = outcomes.began(slot);
    const isReported = () => devices.all().some(({ reported }) => Object.hasOwn(reported?.slots ?? {}, slot));
    if (began.length === 0 && !isReported()) {
      throw serverError('SLOT_UNKNOWN', `no device has a slot ${slot}`, {
        hint: 'andon devices lists the slots of every device.',
      });
    }
    const span = outcomes.span(slot);
    const untilMs = span?.lastMs ?? 0;
    const firstHourMs = Math.floor((untilMs - days * DAY_MS) / HOUR_MS) * HOUR_MS;
    const fromMs = Math.max(span?.firstMs ?? 0, firstHourMs);
    const spanMs = spanFor(untilMs - fromMs);
    const byTags = groupByModel(outcomes.byTags({ slot, sinceMs: fromMs }));
    const bySpan = groupByModel(outcomes.bySpan({ slot, sinceMs: fromMs, spanMs }));
    const versions = began.flatMap(({ model, firstMs }) => {
      const published = models.byHash(model);
      if (!published) return [];
      return versionView(published, firstMs, byTags.get(model) ?? [], bySpan.get(model) ?? []);
    });
    return { slot, fromMs, untilMs, spanMs, versions: versions.reverse() };
  }
}

function versionView(
  { ref, manifest }: PublishedModel,
  firstMs: number,
  outcomes: readonly ModelOutcome[],
  spans: readonly SpanOutcome[],
): VersionMetricView {
  const bySpan = new Map<number, SpanOutcome[]>();
  for (const outcome of spans) bySpan.set(outcome.fromMs, [...(bySpan.get(outcome.fromMs) ?? []), outcome]);
  const curve = [...bySpan]
    .sort(([a], [b]) => a - b)
    .flatMap(([fromMs, counts]) => {
      const estimate = shown(metricEstimate(manifest.metric, counts, 'corrected'));
      return estimate ? [{ fromMs, ...estimate }] : [];
    });
  return {
    title: modelTitle(manifest),
    manifestSha256: ref.manifestSha256,
    firstMs,
    ...metricReport(manifest.metric, outcomes),
    curve,
  };
}

function groupByModel<Row extends { model: string }>(rows: readonly Row[]): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const group = groups.get(row.model);
    if (group) group.push(row);
    else groups.set(row.model, [row]);
  }
  return groups;
}
