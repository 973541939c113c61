/** The metric of each version over time, with its interval, the promise and the baseline of the newest, and where each began. */
import { formatMinute, formatRatio } from '../../web/format.ts';
import { placeOn, type Scale, scaleOf } from '../../web/interval-rows.tsx';
import type { SlotMetricsView, VersionMetricView } from '../views/slot-metrics.ts';

const HEIGHT_PX = 220;

export function MetricCurve({ metrics, nowMs }: { metrics: SlotMetricsView; nowMs: number }) {
  const { versions, fromMs, untilMs, spanMs } = metrics;
  const drawn = versions.filter(({ curve }) => curve.length > 0);
  const [newest] = drawn;
  if (!newest) return <p class="soft">Drawn when labels come.</p>;
  const y = scaleOf(
    drawn.flatMap(({ curve }) => curve),
    [newest.offline, newest.baseline.value],
  );
  const x: Scale = { low: fromMs - (fromMs % spanMs), high: Math.max(untilMs, fromMs + spanMs) };
  const down = (value: number) => 100 - placeOn(y, value);
  return (
    <figure class="curve">
      <svg class="chart" height={HEIGHT_PX} role="img" aria-label={curveWords(drawn)}>
        <line
          class="promised"
          x1="0"
          x2="100%"
          y1={`${down(newest.offline)}%`}
          y2={`${down(newest.offline)}%`}
        />
        <line
          class="baseline"
          x1="0"
          x2="100%"
          y1={`${down(newest.baseline.value)}%`}
          y2={`${down(newest.baseline.value)}%`}
        />
        {drawn.toReversed().map((version) => (
          <g key={version.manifestSha256} class={version === newest ? 'latest' : 'earlier'}>
            <VersionCurve version={version} x={x} down={down} spanMs={spanMs} />
          </g>
        ))}
        {drawn
          .filter(({ firstMs }) => firstMs > x.low)
          .map(({ manifestSha256, firstMs }) => {
            const at = `${placeOn(x, firstMs)}%`;
            return <line key={manifestSha256} class="begun" x1={at} x2={at} y1="0" y2="100%" />;
          })}
        <text y="12">{formatRatio(y.high)}</text>
        <text y={HEIGHT_PX - 4}>{formatRatio(y.low)}</text>
      </svg>
      <figcaption>
        <div class="curve-ends">
          <span>{formatMinute(fromMs, nowMs)}</span>
          <span>{formatMinute(untilMs, nowMs)}</span>
        </div>
        <CurveLegend versions={drawn} nowMs={nowMs} />
      </figcaption>
    </figure>
  );
}

function CurveLegend({ versions, nowMs }: { versions: readonly VersionMetricView[]; nowMs: number }) {
  const [newest] = versions;
  return (
    <ul class="scale-legend">
      {versions.map((version) => (
        <li key={version.manifestSha256} class={version === newest ? 'latest' : 'earlier'}>
          <Key kind="value" />
          <span>
            {version.title}, since {formatMinute(version.firstMs, nowMs)}
          </span>
        </li>
      ))}
      {newest ? (
        <>
          <li>
            <Key kind="promised" />
            <span>
              {newest.title} promised <strong>{formatRatio(newest.offline)}</strong>
            </span>
          </li>
          <li>
            <Key kind="baseline" />
            <span>
              {newest.baseline.name} <strong>{formatRatio(newest.baseline.value)}</strong>
            </span>
          </li>
        </>
      ) : null}
      {versions.length > 1 ? (
        <li>
          <Key kind="begun" />
          <span>a version begins</span>
        </li>
      ) : null}
    </ul>
  );
}

function Key({ kind }: { kind: 'value' | 'promised' | 'baseline' | 'begun' }) {
  return (
    <svg viewBox="0 0 26 26" width="20" height="20" aria-hidden="true">
      {kind === 'value' ? <rect class="band" x="1" y="4" width="24" height="18" /> : null}
      <path class={kind} d={kind === 'begun' ? 'M13,1 V25' : 'M1,13 H25'} />
    </svg>
  );
}

interface VersionCurveProps {
  version: VersionMetricView;
  x: Scale;
  down: (value: number) => number;
  spanMs: number;
}

/** Each point stands in the middle of its span. */
function VersionCurve({ version, x, down, spanMs }: VersionCurveProps) {
  const points = version.curve.map((point) => ({
    ...point,
    at: Math.min(100, placeOn(x, point.fromMs + spanMs / 2)),
  }));
  const line = points.map(({ at, value }) => `${at.toFixed(2)},${down(value).toFixed(2)}`);
  const upper = points.map(({ at, high }) => `${at.toFixed(2)},${down(high).toFixed(2)}`);
  const lower = points.toReversed().map(({ at, low }) => `${at.toFixed(2)},${down(low).toFixed(2)}`);
  const [single] = points;
  return (
    <>
      {points.length > 1 ? (
        <svg viewBox="0 0 100 100" width="100%" height="100%" preserveAspectRatio="none" aria-hidden="true">
          <path class="band" d={`M${upper.join(' L')} L${lower.join(' L')} Z`} />
          <path class="value" d={`M${line.join(' L')}`} />
        </svg>
      ) : single ? (
        <line
          class="interval"
          x1={`${single.at}%`}
          x2={`${single.at}%`}
          y1={`${down(single.low)}%`}
          y2={`${down(single.high)}%`}
        />
      ) : null}
      {points.map(({ fromMs, at, value }) => (
        <circle key={fromMs} class="dot" cx={`${at}%`} cy={`${down(value)}%`} r="4" />
      ))}
    </>
  );
}

function curveWords(versions: readonly VersionMetricView[]): string {
  return versions
    .flatMap(({ title, curve }) => {
      const last = curve.at(-1);
      return last
        ? [
            `${title}: ${curve.length} points, the last ${formatRatio(last.value)}, between ${formatRatio(last.low)} and ${formatRatio(last.high)}`,
          ]
        : [];
    })
    .join('; ');
}
