/** Step 1: every line predicts, and the server commits what they send. */
import { pause, waitFor } from '../wait-for.ts';
import { count, type Stage } from './stage.ts';

/** A rate is the mean of some seconds: told at once, it would be that of the start. */
const SETTLE_MS = 3000;

export async function firstPredictions(stage: Stage): Promise<void> {
  const { api, devices, tell, signal } = stage;
  const sinceMs = Date.now();
  const first = await waitFor('a first prediction', 30_000, stage, async () => {
    for (const device of devices) {
      const prediction = (await device.slot())?.recent.find(({ timeMs }) => timeMs >= sinceMs - 1000);
      if (prediction) return { device, prediction };
    }
    return undefined;
  });
  const { correlationId, label, score } = first.prediction;
  tell.say(
    `First prediction: ${first.device.id} says "${label}" of part ${correlationId} (failure score ${score.toFixed(3)}).`,
  );
  await pause(SETTLE_MS, signal);
  const rates = await waitFor('predictions on every line', 30_000, stage, async (sees) => {
    const slots = await Promise.all(devices.map((device) => device.slot()));
    const values = slots.map((slot) => slot?.predictionsPerS ?? 0);
    sees(`A second: ${values.map(count).join(', ')}.`);
    return values.every((value) => value > 1) ? values : undefined;
  });
  const committed = await waitFor('predictions at the server', 30_000, stage, async (sees) => {
    const fleet = await api.fleet();
    const values = devices.map(({ id }) => fleet.devices.find((d) => d.id === id)?.received.predictions ?? 0);
    sees(`It has ${values.map(count).join(', ')}.`);
    return values.every((value) => value > 0) ? values.reduce((sum, value) => sum + value, 0) : undefined;
  });
  tell.say(
    `All lines predict (${rates.map(count).join(', ')} a second); the server has committed ${count(committed)} predictions.`,
  );
}
