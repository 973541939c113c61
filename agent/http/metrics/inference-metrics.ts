/** What the models do: Triton's `nv_inference_*` under our names (docs/metrics.md has the table). */
import type { HistogramView } from '../../monitor/histogram.ts';
import type { ModelFigures } from '../../monitor/inference-figures.ts';
import { family, histogramFamily } from './exposition.ts';

const COUNTERS: readonly [name: string, help: string, value: (figures: ModelFigures) => number][] = [
  [
    'request_success_total',
    'Requests answered; each sample of a source is one.',
    ({ success }) => success.count,
  ],
  ['request_failure_total', 'Requests that got no answer.', ({ fail }) => fail.count],
  ['count_total', 'Rows that went through the model.', ({ inferenceCount }) => inferenceCount],
  ['exec_count_total', 'Runs of the engine; rows a run is the mean batch.', (f) => f.executionCount],
  ['compute_input_seconds_total', 'Time to make the inputs.', (f) => f.computeInput.ns / 1e9],
  ['compute_output_seconds_total', 'Time from outputs to decisions.', (f) => f.computeOutput.ns / 1e9],
  ['cache_hits_total', 'Rows answered from the cache.', ({ cacheHit }) => cacheHit.count],
  ['cache_misses_total', 'Rows that the cache did not know.', ({ cacheMiss }) => cacheMiss.count],
];

const HISTOGRAMS: readonly [name: string, help: string, view: keyof ModelFigures['histograms']][] = [
  ['queue_duration_seconds', 'Request accepted to taken into a batch.', 'queue'],
  ['compute_infer_duration_seconds', 'Inside ONNX Runtime, for each request its batch’s.', 'compute'],
  ['request_duration_seconds', 'Request accepted to decision made.', 'request'],
  ['commit_duration_seconds', 'Handed to the store to durable.', 'commit'],
];

/** @param pending slot -> samples that wait in its queue */
export function inferenceMetrics(
  figures: readonly ModelFigures[],
  pending: Readonly<Record<string, number>>,
): string {
  const labels = ({ slot, model, version }: ModelFigures) => ({ slot, model, version: String(version) });
  const counters = COUNTERS.map(([name, help, value]) =>
    family(
      `andon_inference_${name}`,
      'counter',
      help,
      figures.map((each) => ({ labels: labels(each), value: value(each) })),
    ),
  );
  const histograms = HISTOGRAMS.map(([name, help, key]) => {
    const series = figures.map((each) => ({ labels: labels(each), view: each.histograms[key] }));
    return histogramFamily(`andon_inference_${name}`, help, series.filter(hasCounted));
  });
  const waiting = family(
    'andon_inference_pending_request_count',
    'gauge',
    'Samples that wait in the queue of their slot.',
    Object.entries(pending).map(([slot, value]) => ({ labels: { slot }, value })),
  );
  return [...counters, waiting, ...histograms].join('');
}

function hasCounted({ view }: { view: HistogramView }): boolean {
  return view.count > 0;
}
