/** Ways of a model onto a device, each with what must be true in the end, wherever it was cut. */
import type { InstallState, ModelRef } from '../../../../protocol/messages.ts';
import type { UpdateScene } from './update-scene.ts';

export interface Play {
  readonly name: string;
  /** How it always ends, in words. */
  readonly ends: string;
  /** Samples that the model itself cannot answer before it is taken back; the agent counts each as SAMPLE_DROPPED. */
  readonly unansweredAtMost: number;
  /** What the server does. Goes on when the device dies on the way. */
  readonly run: (scene: UpdateScene) => Promise<Outcome>;
}

export interface Outcome {
  readonly model: ModelRef;
  readonly state: InstallState;
}

export const PLAYS: readonly Play[] = [
  {
    name: 'a good model',
    ends: 'completed each time',
    unansweredAtMost: 0,
    run: async (scene) => ({ model: await scene.want(await scene.release()), state: 'committed' }),
  },
  {
    name: 'a model that fails on probation',
    ends: 'rolled back each time, and reported so',
    unansweredAtMost: 10,
    run: async (scene) => {
      // Its golden samples are harmless; the line's are not.
      const files = await scene.release({ graph: { kind: 'sqrt', weights: [[-1, 0]] } });
      return { model: await scene.want(files), state: 'rolled-back' };
    },
  },
  {
    name: 'a model that a newer order cancels half-way',
    ends: 'the newer order completed each time',
    unansweredAtMost: 0,
    run: async (scene) => {
      const cancelled = await scene.want(await scene.release(), 2);
      await scene.reports(cancelled, 'fetching');
      return { model: await scene.want(await scene.release()), state: 'committed' };
    },
  },
];
