/** How sure the metric is, what that means and what to do, in words. */
import { bestEstimate, type MetricReport } from '../protocol/evidence/metric-report.ts';
import { correctionWords, metricVerdict, sureWords } from './metric-words.ts';
import { StateBadge } from './state-icon.tsx';

export function MetricVerdict({ report }: { report: MetricReport }) {
  const estimate = bestEstimate(report);
  const { state, word, sentence, next } = metricVerdict(report);
  const correction = correctionWords(report);
  return (
    <div class="metric-verdict">
      <StateBadge state={state}>{word}</StateBadge>
      <p class="small">
        {estimate ? `${sureWords(estimate)} ` : ''}
        {sentence}
      </p>
      {next ? <p class="small soft">{next}</p> : null}
      {correction ? <p class="small soft">{correction}</p> : null}
    </div>
  );
}
