/** `GET /metrics`: the view as Prometheus text. */
import type { StatusView } from './view.ts';

interface Series {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** @param counters every count of the agent, by code or `stage.what` */
export function metricsText(view: StatusView, counters: Readonly<Record<string, number>>): string {
  const { link, store, engine, slots } = view;
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
      slotSeries(({ metric }) => metric?.online ?? null),
    ),
  ].join('');
}

function family(name: string, type: 'counter' | 'gauge', help: string, series: readonly Series[]): string {
  if (series.length === 0) return '';
  const lines = series.map(({ labels = {}, value }) => {
    const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escaped(text)}"`);
    return `${name}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${value}\n`;
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

function escaped(text: string): string {
  return text.replace(/[\\"]/g, '\\$&').replace(/\n/g, '\\n');
}
