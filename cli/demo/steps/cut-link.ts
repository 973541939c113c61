/** Step 2: the link of the second device is cut; it works on, keeps its records, and sends them when the link is back. */
import { pause, waitFor } from '../wait-for.ts';
import { count, deviceAt, type Stage } from './stage.ts';

const OFFLINE_MS = 6000;

export async function cutLink(stage: Stage): Promise<void> {
  const { api, tell, signal } = stage;
  const device = deviceAt(stage, 1);
  const seenByServer = async () => (await api.fleet()).devices.find(({ id }) => id === device.id);
  const committedBefore = (await seenByServer())?.received.predictions ?? 0;

  await device.cutLink(true);
  tell.say(`The network link of ${device.id} is cut.`);
  await waitFor(`${device.id} noticing the cut`, 20_000, stage, async () =>
    (await device.status()).link.connected ? undefined : true,
  );
  await pause(OFFLINE_MS, signal);
  const kept = await waitFor('a growing backlog', 30_000, stage, async (sees) => {
    const { link, slots } = await device.status();
    const backlog = link.backlog.predictions;
    sees(waiting(backlog));
    return backlog > 100 ? { backlog, rate: slots[0]?.predictionsPerS ?? 0 } : undefined;
  });
  const online = (await seenByServer())?.online;
  tell.say(
    `${device.id} works on without it: ${count(kept.rate)} predictions a second, ${count(kept.backlog)} wait safely on its disk. ` +
      `The server shows it ${online ? 'still online' : 'offline'}.`,
  );

  await device.cutLink(false);
  tell.say('The link is back.');
  const emptied = performance.now();
  // On a line that never stands still, what is on its way right now is no backlog: less than a second's predictions.
  const left = await waitFor(
    'a drained backlog',
    30_000,
    stage,
    async (sees) => {
      const { link } = await device.status();
      sees(link.connected ? waiting(link.backlog.predictions) : 'It is not connected again yet.');
      return link.connected && link.backlog.predictions < kept.rate ? link.backlog.predictions : undefined;
    },
    40,
  );
  const tookS = (performance.now() - emptied) / 1000;
  const committed = ((await seenByServer())?.received.predictions ?? 0) - committedBefore;
  tell.say(
    `${device.id} has sent what waited in ${tookS.toFixed(1)} s (${count(left)} are on their way now), and the server has committed ${count(committed)} more of its predictions since the cut.`,
  );
}

function waiting(predictions: number): string {
  return `${count(predictions)} predictions wait on its disk.`;
}
