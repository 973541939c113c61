/** How the evidence narrowed: the interval of the difference over the labels that came, with the line it has to clear. */
import { formatCount } from '../../web/format.ts';
import type { RolloutView } from '../views/rollout.ts';
import { signedPoints } from './rollout-words.ts';

type Point = RolloutView['curve'][number];

export function EvidenceCurve({ rollout }: { rollout: RolloutView }) {
  const { curve, plan } = rollout;
  const last = curve.at(-1);
  if (!last || curve.length < 2) return null;
  const [bottom, top] = range(last, plan.margin);
  const x = ({ pairs }: Point) => (pairs / last.pairs) * 100;
  const y = (value: number) => ((top - Math.min(top, Math.max(bottom, value))) / (top - bottom)) * 100;
  const line = (of: (point: Point) => number) => curve.map((point) => `${x(point)},${y(of(point))}`);
  const band = [...line(({ high }) => high), ...line(({ low }) => low).reverse()].join(' L');
  const marks = curve.filter((point, i) => i > 0 && point.stage !== curve[i - 1]?.stage);
  return (
    <figure class="evidence-curve">
      <svg class="chart" height="150" role="img" aria-label={curveWords(rollout, last)}>
        <svg viewBox="0 0 100 100" width="100%" height="100%" preserveAspectRatio="none" aria-hidden="true">
          <path class="band" d={`M${band} Z`} />
          <path class="zero" d={`M0,${y(0)} H100`} />
          <path class="goal" d={`M0,${y(-plan.margin)} H100`} />
          {marks.map((point) => (
            <path class="stage-mark" key={point.stage} d={`M${x(point)},0 V100`} />
          ))}
          <path class="mean" d={`M${line(({ mean }) => mean).join(' L')}`} />
        </svg>
        <text class="side" x="100%" dx="-6" y="15">
          new model better
        </text>
        <text class="side" x="100%" dx="-6" y="144">
          worse
        </text>
      </svg>
      <figcaption class="small soft">
        <ul class="scale-legend">
          <Legend kind="mean" words="difference and its interval" />
          <Legend kind="zero" words="no difference" />
          <Legend kind="goal" words={`goes on when the interval is above ${signedPoints(-plan.margin)}`} />
          {marks.length > 0 ? <Legend kind="stage-mark" words="next stage" /> : null}
        </ul>
        From the first to {formatCount(last.pairs)} labelled samples.
      </figcaption>
    </figure>
  );
}

function Legend({ kind, words }: { kind: 'mean' | 'zero' | 'goal' | 'stage-mark'; words: string }) {
  const path = kind === 'stage-mark' ? 'M13,2 V24' : 'M1,13 H25';
  return (
    <li>
      <svg class="evidence-key" viewBox="0 0 26 26" width="16" height="16" aria-hidden="true">
        {kind === 'mean' ? <rect class="band" x="1" y="4" width="24" height="18" /> : null}
        <path class={kind} d={path} />
      </svg>
      <span>{words}</span>
    </li>
  );
}

/** From the interval as it is now: what was wider at the beginning is cut off. */
function range({ low, high }: Point, margin: number): [number, number] {
  const bottom = Math.min(low, -margin) - margin;
  const top = Math.max(high, 0) + margin;
  const room = (top - bottom) * 0.25;
  return [bottom - room, top + room];
}

function curveWords({ plan }: RolloutView, { pairs, mean, low, high }: Point): string {
  return `After ${formatCount(pairs)} labelled samples the difference is ${signedPoints(mean)}, between ${signedPoints(low)} and ${signedPoints(high)}; it goes on above ${signedPoints(-plan.margin)}.`;
}
