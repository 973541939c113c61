/** Writes down what server and devices say of themselves when a step did not happen: a person who reads it later was not there. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Stage } from './steps/stage.ts';

/** @returns the file's path */
export async function writeScene(
  { api, devices, logs }: Pick<Stage, 'api' | 'devices' | 'logs'>,
  step: number,
): Promise<string> {
  const answers = await Promise.all([
    orProblem(api.fleet()),
    ...devices.map((device) => orProblem(device.status())),
  ]);
  const names = ['server', ...devices.map(({ id }) => id)];
  const scene = Object.fromEntries(names.map((name, i) => [name, answers[i]]));
  const path = join(logs, `not-as-told-${step}.json`);
  writeFileSync(path, `${JSON.stringify({ time: new Date().toISOString(), ...scene }, null, 2)}\n`);
  return path;
}

/** A part that does not answer is what one wants to know. */
function orProblem(answer: Promise<unknown>): Promise<unknown> {
  return answer.catch((error: unknown) => String(error));
}
