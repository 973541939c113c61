/** How well the models do by what really happened: a slot at a time, its versions beside each other, over time, by slice. */
import { useState } from 'preact/hooks';
import { bestEstimate } from '../../protocol/evidence/metric-report.ts';
import { metricName } from '../../web/format.ts';
import { type IntervalRow, IntervalRows, scaleOf } from '../../web/interval-rows.tsx';
import { MetricVerdict } from '../../web/metric-verdict.tsx';
import { SliceRows } from '../../web/slice-rows.tsx';
import { useFetched } from '../../web/use-fetched.ts';
import type { FleetView } from '../views/fleet.ts';
import type { SlotMetricsView, VersionMetricView } from '../views/slot-metrics.ts';
import { MetricCurve } from './metric-curve.tsx';

const ASK_EVERY_MS = 5000;

export function MetricSection({ view, nowMs }: { view: FleetView; nowMs: number }) {
  const slots = slotsOf(view);
  const [chosen, setChosen] = useState<string>();
  const slot = chosen && slots.includes(chosen) ? chosen : slots[0];
  return (
    <section class="section" id="quality" aria-label="How well the models do">
      <div class="section-head">
        <h2>How well the models do</h2>
      </div>
      {slots.length > 1 ? (
        <fieldset class="slot-choice">
          <legend class="visually-hidden">Slot</legend>
          {slots.map((each) => (
            <button
              key={each}
              class="button"
              type="button"
              aria-pressed={each === slot}
              onClick={() => setChosen(each)}
            >
              {each}
            </button>
          ))}
        </fieldset>
      ) : null}
      {slot === undefined ? (
        <p class="soft">Known when a device runs a model and labels come.</p>
      ) : (
        <SlotMetrics key={slot} slot={slot} nowMs={nowMs} />
      )}
    </section>
  );
}

/** What devices say they run, in the order of the alphabet. */
function slotsOf({ devices }: FleetView): string[] {
  return [...new Set(devices.flatMap(({ reported }) => Object.keys(reported?.slots ?? {})))].sort();
}

function SlotMetrics({ slot, nowMs }: { slot: string; nowMs: number }) {
  const metrics = useFetched<SlotMetricsView>(`api/metrics/${encodeURIComponent(slot)}`, ASK_EVERY_MS);
  const newest = metrics?.versions.find(({ labels }) => labels > 0) ?? metrics?.versions[0];
  if (!metrics || !newest) return <p class="soft">No labelled prediction of {slot} has arrived yet.</p>;
  return (
    <div class="slot-metrics">
      <h3>
        {slot} <span class="soft">{metricName(newest.name)} by what really happened, over the fleet</span>
      </h3>
      <div class="metric-columns">
        <div>
          <h4>Over time</h4>
          <MetricCurve metrics={metrics} nowMs={nowMs} />
        </div>
        <div>
          <h4>Versions beside each other</h4>
          <Versions versions={metrics.versions} />
          <h4 class="of-version">{newest.title}</h4>
          <MetricVerdict report={newest} />
        </div>
      </div>
      <h4>Does {newest.title} do as well everywhere?</h4>
      <SliceRows report={newest} />
    </div>
  );
}

function Versions({ versions }: { versions: readonly VersionMetricView[] }) {
  const rows = versions.flatMap((version): IntervalRow[] => {
    const estimate = bestEstimate(version);
    return estimate ? [{ name: version.title, estimate }] : [];
  });
  const baseline = versions[0]?.baseline;
  if (rows.length === 0 || !baseline) return <p class="soft">No label to judge by yet.</p>;
  const scale = scaleOf(
    rows.map(({ estimate }) => estimate),
    [baseline.value],
  );
  const waiting = versions.filter((version) => bestEstimate(version) === null);
  return (
    <>
      <IntervalRows rows={rows} scale={scale} reference={baseline.value} />
      <p class="small soft">
        The thin line is the baseline, {baseline.name}.
        {waiting.length > 0 ? ` Without labels so far: ${waiting.map(({ title }) => title).join(', ')}.` : ''}
      </p>
    </>
  );
}
