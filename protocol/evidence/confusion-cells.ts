/** Outcome counts summed to the cells of a confusion matrix, each with what its mass and its variance need. */
import { type OutcomeCount, unitWeight, type Weighing } from './outcome-count.ts';

export interface ConfusionCell {
  readonly truth: number;
  readonly said: number;
  /** Sum of the unit weights. */
  readonly mass: number;
  /** Sum of their squares. */
  readonly square: number;
}

/** Cells that weigh nothing are left out. */
export function confusionCells(counts: readonly OutcomeCount[], weighing: Weighing): ConfusionCell[] {
  const cells = new Map<string, { truth: number; said: number; mass: number; square: number }>();
  for (const outcome of counts) {
    const { truth, said, count } = outcome;
    const each = unitWeight(outcome, weighing);
    if (each * count <= 0) continue;
    const key = `${truth} ${said}`;
    const cell = cells.get(key) ?? { truth, said, mass: 0, square: 0 };
    cell.mass += each * count;
    cell.square += each * each * count;
    cells.set(key, cell);
  }
  return [...cells.values()];
}

/** Kish: the number of equally weighted units that would say as much, (sum w)² / sum w². */
export function effectiveCount(cells: readonly { mass: number; square: number }[]): number {
  const mass = cells.reduce((sum, cell) => sum + cell.mass, 0);
  const square = cells.reduce((sum, cell) => sum + cell.square, 0);
  return square === 0 ? 0 : (mass * mass) / square;
}
