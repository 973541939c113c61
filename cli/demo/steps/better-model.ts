/** Step 3: a better model goes out through a canary, stage by stage, and is committed everywhere. */
import { NotSeen } from '../wait-for.ts';
import { everyDeviceRuns, follow, published, rolloutOf, runsAlone } from './follow-rollout.ts';
import type { Stage } from './stage.ts';

export async function betterModel(stage: Stage): Promise<void> {
  const { api, tell } = stage;
  const old = await published(stage, '1');
  const better = await published(stage, '2');
  const { devices } = await api.fleet();
  if (devices.every((device) => runsAlone(device, better))) {
    tell.say(`Kept from an earlier start: ${better.title} is published, and every device runs it already.`);
    return;
  }
  tell.say(
    `${better.title} is published (offline ${better.metric.name} ${better.metric.offline.toFixed(2)}; ${old.title} has ${old.metric.offline.toFixed(2)}). Its rollout starts:`,
  );
  const end = await follow(stage, await rolloutOf(stage, better), 90_000);
  if (end.state !== 'done')
    throw new NotSeen(`the rollout of ${better.title} ended ${end.state}: ${end.reason}`);
  await everyDeviceRuns(stage, better, 45_000);
  tell.say(
    `Every device reports ${better.title} (${better.manifestSha256.slice(0, 12)}) as its committed model.`,
  );
}
