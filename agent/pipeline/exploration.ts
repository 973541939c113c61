/**
 * A share of the parts that a decision would take off the line goes on for inspection: otherwise nobody ever learns what
 * they were, and every figure about the model is of the parts that it let pass. Pure.
 */
import type { Exploration } from '../config/feedback.ts';
import { isChosen } from './chance.ts';

export interface Chance {
  /** That the truth of the part can be seen, (0, 1]. */
  readonly propensity: number;
  /** It would have been taken off the line, and goes on. */
  readonly explored: boolean;
}

const SEEN: Chance = { propensity: 1, explored: false };

/**
 * @param labels of the model that decides
 * @returns what chance says of a part with this label and this key; the same part gets the same answer when it comes again
 */
export function explorer(
  slot: string,
  exploration: Exploration | null,
  labels: readonly string[],
): (label: number, key: () => string) => Chance {
  if (!exploration) return () => SEEN;
  const { share, seed } = exploration;
  const takenOff = new Set(exploration.labels.map((label) => labels.indexOf(label)));
  const salt = `explore ${seed} ${slot}`;
  return (label, key) =>
    takenOff.has(label) ? { propensity: share, explored: isChosen(salt, key(), share) } : SEEN;
}
