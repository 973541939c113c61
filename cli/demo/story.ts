/** The story of the demo: its steps in order, each told from what the real APIs answer. */
import { explainError } from '../errors.ts';
import { writeScene } from './scene-file.ts';
import { betterModel } from './steps/better-model.ts';
import { cutLink } from './steps/cut-link.ts';
import { drift } from './steps/drift.ts';
import { firstPredictions } from './steps/first-predictions.ts';
import type { Stage } from './steps/stage.ts';
import { worseModel } from './steps/worse-model.ts';
import { pause } from './wait-for.ts';

/** Between two steps, so that a person can read. */
const BREATH_MS = 1500;

const STEPS: readonly ((stage: Stage) => Promise<void>)[] = [
  firstPredictions,
  cutLink,
  betterModel,
  worseModel,
  drift,
];

/**
 * Plays every step, also after one that did not come true.
 * @returns how many did not
 * @throws the signal's reason when the stage's signal is aborted
 */
export async function playStory(stage: Stage): Promise<number> {
  let missed = 0;
  for (const [i, step] of STEPS.entries()) {
    try {
      await step(stage);
      await pause(BREATH_MS, stage.signal);
    } catch (error) {
      stage.signal.throwIfAborted();
      missed += 1;
      stage.tell.say(`NOT AS TOLD: ${explainError(error)}`);
      stage.tell.say(`What server and devices say of themselves now is in ${await writeScene(stage, i + 1)}`);
    }
  }
  return missed;
}
