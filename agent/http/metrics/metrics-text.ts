/** `GET /metrics`: everything this device counts, as Prometheus text. */
import { bestEstimate } from '../../../protocol/evidence/metric-report.ts';
import type { ModelFigures } from '../../monitor/inference-figures.ts';
import type { StatusView } from '../view.ts';
import { family } from './exposition.ts';
import { inferenceMetrics } from './inference-metrics.ts';
import { machineMetrics } from './machine-metrics.ts';
import { type ProcessParts, processMetrics } from './process-metrics.ts';

export interface MetricsParts extends ProcessParts {
  readonly view: StatusView;
  /** Every count of the agent, by code or `stage.what`. */
  readonly counters: Readonly<Record<string, number>>;
  readonly models: readonly ModelFigures[];
  /** Slot -> samples that wait. */
  readonly pending: Readonly<Record<string, number>>;
}

export function metricsText(parts: MetricsParts): string {
  return [
    inferenceMetrics(parts.models, parts.pending),
    deviceMetrics(parts),
    machineMetrics(parts.view.machine),
    processMetrics(parts),
  ].join('');
}

function deviceMetrics({ view, counters }: MetricsParts): string {
  const { alarms, link, store, engine, slots } = view;
  const slotSeries = (value: (slot: StatusView['slots'][number]) => number | null) =>
    slots.flatMap((slot) => {
      const number = value(slot);
      return number === null ? [] : [{ labels: { slot: slot.slot }, value: number }];
    });
  return [
    family(
      'andon_count_total',
      'counter',
      'What went wrong, was dropped or passed through, by code.',
      Object.entries(counters).map(([code, value]) => ({ labels: { code }, value })),
    ),
    family(
      'andon_alarm_raised',
      'gauge',
      '1 for each alarm that is raised now.',
      alarms.map(({ code, slot, severity }) => ({
        labels: { code, severity, ...(slot === null ? {} : { slot }) },
        value: 1,
      })),
    ),
    family('andon_engine_up', 'gauge', 'Whether the engine process is alive.', [
      { value: Number(engine.alive) },
    ]),
    family('andon_engine_restarts_total', 'counter', 'Restarts of the engine process.', [
      { value: engine.restarts },
    ]),
    family('andon_engine_resident_bytes', 'gauge', 'Resident memory of the engine process.', [
      { value: engine.rssBytes },
    ]),
    family('andon_link_connected', 'gauge', 'Whether the broker is connected.', [
      { value: Number(link.connected) },
    ]),
    family(
      'andon_backlog_records',
      'gauge',
      'Records that the server has not acknowledged.',
      Object.entries(link.backlog).map(([stream, value]) => ({ labels: { stream }, value })),
    ),
    family('andon_upload_bytes_total', 'counter', 'Bytes of records sent to the server.', [
      { value: counters['sync.bytes-sent'] ?? 0 },
    ]),
    family('andon_store_bytes', 'gauge', 'Size of the store.', [{ value: store.sizeBytes }]),
    family('andon_store_limit_bytes', 'gauge', 'Hard cap of the store.', [{ value: store.maxBytes }]),
    family('andon_store_dropped_total', 'counter', 'Records dropped before they were acknowledged.', [
      { value: store.dropped },
    ]),
    family(
      'andon_slot_serving',
      'gauge',
      'Whether the slot has a model.',
      slotSeries(({ champion }) => Number(champion !== null)),
    ),
    family(
      'andon_predictions_per_second',
      'gauge',
      'Rate of predictions.',
      slotSeries(({ predictionsPerS }) => predictionsPerS),
    ),
    family(
      'andon_latency_microseconds',
      'gauge',
      'Sample accepted to decision made, over the last few thousand.',
      slots.flatMap(({ slot, latencyUs }) =>
        Object.entries(latencyUs ?? {}).map(([key, value]) => ({
          labels: { slot, quantile: `0.${key.slice(1)}` },
          value,
        })),
      ),
    ),
    family(
      'andon_online_metric',
      'gauge',
      'The model’s one number, from labels so far.',
      slotSeries(({ metric }) => bestEstimate(metric)?.value ?? null),
    ),
  ].join('');
}
