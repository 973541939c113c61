/** Ways of a model onto a device, each with what must be true in the end, wherever it was cut. */
import type { InstallState, ModelRef } from '../../../../protocol/messages.ts';
import type { Files, UpdateScene } from './update-scene.ts';

export interface Play {
  readonly name: string;
  /** How it always ends, in words. */
  readonly ends: string;
  /** Samples that the model itself cannot answer before it is taken back; the agent counts each as SAMPLE_DROPPED. */
  readonly unansweredAtMost: number;
  /** More fields of the slot's configuration. */
  readonly slot?: object;
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
    name: 'a model that fails while it looks on',
    ends: 'refused each time, and reported so',
    unansweredAtMost: 0,
    run: async (scene) => ({ model: await scene.want(await badAtWork(scene)), state: 'refused' }),
  },
  {
    name: 'a model that fails on probation',
    ends: 'rolled back each time, and reported so',
    unansweredAtMost: 10,
    slot: { selfTest: { shadowSamples: 0 } },
    run: async (scene) => ({ model: await scene.want(await badAtWork(scene)), state: 'rolled-back' }),
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

/** Its golden samples are harmless; the line's are not. */
function badAtWork(scene: UpdateScene): Promise<Files> {
  return scene.release({ graph: { kind: 'sqrt', weights: [[-1, 0]] } });
}
