/** A rollout over a toy fleet, moved on by hand: what most tests of rollouts begin with. */

import type { PairCount } from '../../../sync-server/rollouts/evidence-source.ts';
import type { StartRolloutRequest } from '../../../sync-server/views/rollout.ts';
import { SLOT, ToyFleet } from './toy-fleet.ts';

/** Labelled pairs on which the new model is plainly better, or plainly worse. */
export const better: PairCount[] = [
  { truth: 0, champion: 0, challenger: 0, weight: 1, count: 300 },
  { truth: 1, champion: 0, challenger: 1, weight: 1, count: 20 },
];
export const worse: PairCount[] = [
  { truth: 0, champion: 0, challenger: 0, weight: 1, count: 300 },
  { truth: 1, champion: 1, challenger: 0, weight: 1, count: 20 },
];
export const START = { slot: SLOT, model: 'toy@2' };

export interface Begun {
  readonly ids?: readonly string[];
  readonly offline?: readonly string[];
  readonly request?: Partial<StartRolloutRequest>;
}

export function begin({ ids = ['mill-1', 'mill-2', 'mill-3'], offline = [], request = {} }: Begun = {}) {
  const fleet = new ToyFleet(ids);
  for (const id of offline) fleet.toy(id).online = false;
  const conductor = fleet.conductor();
  const { id } = conductor.startRollout({ ...START, ...request });
  /** Devices obey, labels come, the conductor looks. */
  const step = (...pairs: PairCount[]) => {
    fleet.nowMs += 500;
    fleet.obey();
    if (pairs.length > 0) fleet.label(...pairs);
    conductor.evaluate();
    return conductor.view(id);
  };
  return { fleet, conductor, id, step };
}

export function challenged(fleet: ToyFleet): string[] {
  return fleet.toys.filter(({ desired }) => desired?.challenger).map(({ id }) => id);
}
