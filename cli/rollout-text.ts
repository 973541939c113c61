/** Rollouts in words for the terminal. */
import type { RolloutStage, RolloutView } from '../sync-server/views/rollout.ts';
import { table } from './table.ts';

export function rolloutsText(rollouts: readonly RolloutView[]): string {
  if (rollouts.length === 0) return 'No rollout yet: andon rollout start <slot> <model@version>';
  return table(
    ['ID', 'SLOT', 'FROM', 'TO', 'STATE', 'STAGE', 'REASON'],
    rollouts.map((view) => [
      view.id,
      view.slot,
      view.from,
      view.to,
      view.state,
      `${view.stage + 1}/${view.stages.length}`,
      view.reason,
    ]),
  );
}

/** One rollout with its evidence and its decisions, newest first. */
export function rolloutText(view: RolloutView): string {
  const { evidence } = view;
  const metric = (value: number | null) => (value === null ? 'unknown' : value.toFixed(3));
  return [
    `Rollout ${view.id}: ${view.from} -> ${view.to} in ${view.slot}`,
    `  state     ${view.state}, stage ${view.stage + 1} of ${view.stages.length} (${stageText(view.stages[view.stage])})`,
    `  why       ${view.reason}`,
    `  evidence  ${evidence.pairs} labelled pairs; errors of one model only, by cost: old ${evidence.challengerBetter.toFixed(1)}, new ${evidence.championBetter.toFixed(1)}`,
    ...(evidence.difference ? [`  apart     ${differenceText(view, evidence.difference)}`] : []),
    ...(evidence.needed
      ? [`  needs     about ${evidence.needed} more labelled pairs${paceText(evidence)}`]
      : []),
    ...view.drifting.map(
      ({ device, feature }) => `  drifts    ${feature} on ${device}: held against neither model`,
    ),
    `  online    ${evidence.metricName}: old ${metric(evidence.championMetric)}, new ${metric(evidence.challengerMetric)}`,
    `  devices   ${view.devices.join(', ') || 'none runs the new model'}`,
    ...view.decisions.map(
      (decision) =>
        `  ${new Date(decision.timeMs).toISOString().slice(11, 19)}  ${decision.state}, stage ${decision.stage + 1}: ${decision.reason}`,
    ),
  ].join('\n');
}

/** New less old: above 0 the new model does better. */
function differenceText(
  { evidence, plan }: RolloutView,
  { mean, low, high }: NonNullable<RolloutView['evidence']['difference']>,
): string {
  const unit = evidence.metricName === 'f-beta' ? 'misses saved in 100' : 'points';
  const signed = (value: number) => `${value < 0 ? '' : '+'}${(value * 100).toFixed(1)}`;
  return `${signed(mean)} ${unit} (${signed(low)} to ${signed(high)}); above ${signed(-plan.margin)} it may go on`;
}

function paceText({ needed, perDay }: RolloutView['evidence']): string {
  if (!needed || !perDay) return '';
  const days = needed / perDay;
  if (days < 1 / 24) return ', at this pace within the hour';
  return days < 2
    ? `, at this pace in ${Math.ceil(days * 24)} h`
    : `, at this pace in ${Math.ceil(days)} days`;
}

export function stageText(stage: RolloutStage | undefined): string {
  if (!stage) return 'no stage';
  const percent = (share: number) => `${Math.round(share * 1000) / 10}%`;
  const asks = stage.approval ? ', after a person’s approval' : '';
  return `${percent(stage.devices)} of the devices, ${percent(stage.traffic)} of their samples${asks}`;
}
