/** The figures of a slot: samples a second, latency, and the model's one number beside its promise and its baseline. */

import { bestEstimate } from '../../protocol/evidence/metric-report.ts';
import {
  formatBytes,
  formatCount,
  formatCounted,
  formatMicros,
  formatRatio,
  formatShare,
  metricName,
} from '../../web/format.ts';
import { MetricVerdict } from '../../web/metric-verdict.tsx';
import { Sparkline } from '../../web/sparkline.tsx';
import { StateBadge } from '../../web/state-icon.tsx';
import { ScaleLegend, type ScaleMark, ValueScale } from '../../web/value-scale.tsx';
import type { SlotView } from '../http/view.ts';
import { cacheWords } from './cache-words.ts';

/** @param upS seconds since the agent started */
export function SlotFigures({ slot, upS }: { slot: SlotView; upS: number }) {
  return (
    <div class="figures">
      <Rate slot={slot} upS={upS} />
      <Latency latency={slot.latencyUs} cost={slot.cost} cache={slot.cache} />
      <OnlineMetric metric={slot.metric} />
    </div>
  );
}

function Rate({ slot, upS }: { slot: SlotView; upS: number }) {
  return (
    <div class="figure">
      <h3>Predictions a second</h3>
      <div class="with-spark">
        <p class="number">{formatCount(slot.predictionsPerS)}</p>
        <Sparkline
          values={slot.rateHistory}
          unknown={slot.rateHistory.length - Math.floor(upS)}
          words={`Predictions a second over the last minute, now ${formatCount(slot.predictionsPerS)}, highest ${formatCount(Math.max(0, ...slot.rateHistory))}`}
        />
      </div>
      <p class="small soft">now, and over the last minute</p>
    </div>
  );
}

function Latency({
  latency,
  cost,
  cache,
}: Pick<SlotView, 'cost' | 'cache'> & { latency: SlotView['latencyUs'] }) {
  return (
    <div class="figure">
      <h3>Time to a decision</h3>
      {latency ? (
        <>
          <p class="number">
            {formatMicros(latency.p50)} <span class="unit soft">for half of them (p50)</span>
          </p>
          <p class="small soft">
            {formatShare(0.95)} within {formatMicros(latency.p95)} (p95), {formatShare(0.99)} within{' '}
            {formatMicros(latency.p99)} (p99)
          </p>
        </>
      ) : (
        <p class="soft">No prediction yet.</p>
      )}
      <Cost cost={cost} />
      {cache ? <Cache cache={cache} /> : null}
    </div>
  );
}

/** What the model alone costs on this device; beside it what the slot allows, where it says so. */
function Cost({ cost }: Pick<SlotView, 'cost'>) {
  const { latencyP99Ms, memoryBytes, allowedLatencyP99Ms, allowedMemoryBytes } = cost;
  if (latencyP99Ms === null || memoryBytes === null) return null;
  const time = allowedLatencyP99Ms === null ? '' : ` of ${formatMicros(1000 * allowedLatencyP99Ms)} allowed`;
  const room = allowedMemoryBytes === null ? '' : ` of ${formatBytes(allowedMemoryBytes)} allowed`;
  return (
    <p class="small soft">
      The model alone:{' '}
      <span class="nowrap">
        {formatMicros(1000 * latencyP99Ms)}
        {time},
      </span>{' '}
      <span class="nowrap">
        {formatBytes(memoryBytes)}
        {room}
      </span>
    </p>
  );
}

/** How often an input was seen before; and in words when looking for it costs more than it saves. */
function Cache({ cache }: { cache: NonNullable<SlotView['cache']> }) {
  const { found, advice } = cacheWords(cache);
  return (
    <>
      <p class="small soft">{found}</p>
      {advice === null ? null : (
        <div class="cache-advice">
          <StateBadge state="warning">The cache slows this slot down</StateBadge>
          <p class="small">{advice}</p>
        </div>
      )}
    </>
  );
}

function OnlineMetric({ metric }: Pick<SlotView, 'metric'>) {
  if (!metric) {
    return (
      <div class="figure">
        <h3>How well it does</h3>
        <p class="soft">Known when the first labels come: from the line, or from your answers below.</p>
      </div>
    );
  }
  const now = bestEstimate(metric);
  const promised: ScaleMark[] = [
    { kind: 'promised', name: 'promised', value: metric.offline },
    { kind: 'baseline', name: metric.baseline.name, value: metric.baseline.value },
  ];
  const marks: ScaleMark[] = now ? [...promised, { kind: 'now', name: 'now', value: now.value }] : promised;
  const trial = bestEstimate(metric.challenger);
  return (
    <div class="figure">
      <h3>Quality on this line, {metricName(metric.name)}</h3>
      <p class="number">
        {now ? formatRatio(now.value) : '–'}{' '}
        <span class="unit soft">from {formatCounted(metric.labels, 'label')}</span>
      </p>
      <ValueScale marks={marks} interval={now} />
      <ScaleLegend marks={promised} />
      <MetricVerdict report={metric} />
      {trial ? (
        <p class="small soft">
          The model on trial: {formatRatio(trial.value)} ({formatRatio(trial.low)} to{' '}
          {formatRatio(trial.high)}), from {formatCounted(trial.labels, 'label')}.
        </p>
      ) : null}
    </div>
  );
}
