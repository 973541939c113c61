/** The evidence of a rollout: labelled samples that both models judged, and who was right where they differ. */
import { formatCount, formatCounted, metricName } from '../../web/format.ts';
import { ScaleLegend, type ScaleMark, ValueScale } from '../../web/value-scale.tsx';
import type { RolloutView } from '../views/rollout.ts';
import { EvidenceCurve } from './evidence-curve.tsx';
import { differenceUnit, neededWords, signedPoints } from './rollout-words.ts';

type Evidence = RolloutView['evidence'];

export function EvidencePanel({ rollout, nowMs }: { rollout: RolloutView; nowMs: number }) {
  const { evidence } = rollout;
  const needed = neededWords(rollout, nowMs);
  return (
    <div>
      <h4>Evidence since it began</h4>
      <DifferenceFigure rollout={rollout} />
      <EvidenceCurve rollout={rollout} />
      {needed ? <p class="needed">{needed}</p> : null}
      <DriftNote rollout={rollout} />
      <p>{evidenceWords(evidence)}</p>
      {evidence.challengerBetter + evidence.championBetter > 0 ? <BetterWorse evidence={evidence} /> : null}
      <MetricPair rollout={rollout} />
    </div>
  );
}

function DifferenceFigure({ rollout }: { rollout: RolloutView }) {
  const { difference, metricName: metric } = rollout.evidence;
  if (!difference) return null;
  const { mean, low, high } = difference;
  return (
    <p class="difference">
      <strong class="figure">{signedPoints(mean)}</strong> {differenceUnit(metric)}, new against old{' '}
      <span class="soft">
        between {signedPoints(low)} and {signedPoints(high)}, however often one looks
      </span>
    </p>
  );
}

function DriftNote({ rollout: { drifting } }: { rollout: RolloutView }) {
  if (drifting.length === 0) return null;
  const shown = drifting.slice(0, 3).map(({ device, feature }) => `${feature} on ${device}`);
  const more = drifting.length > 3 ? ` and ${drifting.length - 3} more` : '';
  return (
    <p class="drift-note">
      Inputs drift: {shown.join(', ')}
      {more}. Both models see the same samples, so it is held against neither.
    </p>
  );
}

function evidenceWords(evidence: Evidence): string {
  if (evidence.pairs === 0) return 'No labelled sample yet that both models judged.';
  const pairs = `${formatCounted(evidence.pairs, 'labelled sample')} judged by both.`;
  if (evidence.challengerBetter + evidence.championBetter === 0)
    return `${pairs} They were right and wrong alike.`;
  return `${pairs} Where only one was right, weighted by what the error costs:`;
}

function BetterWorse({ evidence }: { evidence: Evidence }) {
  const total = evidence.challengerBetter + evidence.championBetter;
  const better = (evidence.challengerBetter / total) * 100;
  return (
    <div class="better-worse">
      <div class="sides">
        <span>
          new model <strong>{formatCount(evidence.challengerBetter)}</strong>
        </span>
        <span>
          <strong>{formatCount(evidence.championBetter)}</strong> old model
        </span>
      </div>
      <svg class="chart" height="18" aria-hidden="true">
        <rect class="side-new" width={`${better}%`} height="18" />
        <rect class="side-old" x={`${better}%`} width={`${100 - better}%`} height="18" />
        <line class="half" x1="50%" x2="50%" y1="-3" y2="21" />
      </svg>
    </div>
  );
}

function MetricPair({ rollout }: { rollout: RolloutView }) {
  const { championMetric, challengerMetric } = rollout.evidence;
  if (championMetric === null || challengerMetric === null) return null;
  const marks: ScaleMark[] = [
    { kind: 'promised', name: `old, ${rollout.from}`, value: championMetric },
    { kind: 'now', name: `new, ${rollout.to}`, value: challengerMetric },
  ];
  return (
    <div class="metric-pair">
      <p class="small soft">{metricName(rollout.evidence.metricName)} on these samples</p>
      <ValueScale marks={marks} />
      <ScaleLegend marks={marks} />
    </div>
  );
}
