/** Step 4: a model that looks better on paper and is worse in the field is stopped, and taken back. */
import { NotSeen } from '../wait-for.ts';
import { everyDeviceRuns, follow, published, rolloutOf } from './follow-rollout.ts';
import type { Stage } from './stage.ts';

export async function worseModel(stage: Stage): Promise<void> {
  const { api, tell } = stage;
  const good = await published(stage, '2');
  const worse = await published(stage, '3-worse-on-purpose');
  const again = (await api.fleet()).rollouts.some(({ to }) => to === worse.title);
  tell.say(
    `${worse.title} looks better on paper (offline ${worse.metric.name} ${worse.metric.offline.toFixed(2)})${again ? ', and was stopped before' : ''}. Its rollout starts:`,
  );
  const end = await follow(stage, await rolloutOf(stage, worse), 60_000);
  if (end.state !== 'rolled-back') {
    throw new NotSeen(
      `the rollout of ${worse.title} was not rolled back but ended ${end.state}: ${end.reason}`,
    );
  }
  await everyDeviceRuns(stage, good, 45_000);
  const { evidence } = end;
  const metric = (value: number | null) => value?.toFixed(2) ?? 'unknown';
  tell.say(
    `Stopped after ${evidence.pairs} labelled pairs (online ${evidence.metricName}: ${metric(evidence.challengerMetric)} against ${metric(evidence.championMetric)}). ` +
      `Every device reports ${good.title} again.`,
  );
}
