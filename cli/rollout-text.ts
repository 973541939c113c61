/** Rollouts in words for the terminal. */
import type { RolloutStage, RolloutView } from '../sync-server/http/view.ts';
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
    `  online    ${evidence.metricName}: old ${metric(evidence.championMetric)}, new ${metric(evidence.challengerMetric)}`,
    `  devices   ${view.devices.join(', ') || 'none runs the new model'}`,
    ...view.decisions.map(
      (decision) =>
        `  ${new Date(decision.timeMs).toISOString().slice(11, 19)}  ${decision.state}, stage ${decision.stage + 1}: ${decision.reason}`,
    ),
  ].join('\n');
}

export function stageText(stage: RolloutStage | undefined): string {
  if (!stage) return 'no stage';
  const percent = (share: number) => `${Math.round(share * 1000) / 10} %`;
  return `${percent(stage.devices)} of the devices, ${percent(stage.traffic)} of their samples`;
}
