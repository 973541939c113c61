/**
 * Every metric is a mean of shares: a share is the part of some weighted units that were right. Accuracy is one share; so
 * is an F-beta, of the units that are not true negatives: a hit weighs 1 + b², a miss b², a false alarm 1; macro-F1 is the
 * mean of one F1 a label. Written so, one linearisation serves all three.
 */
import type { Metric } from '../manifest.ts';
import { type ConfusionCell, effectiveCount } from './confusion-cells.ts';

export type MetricRule = Pick<Metric, 'name' | 'beta'>;

export interface Share {
  readonly value: number;
  /** How much the share moves with one more unit of weight in a cell: its influence. */
  readonly gradient: (cell: ConfusionCell) => number;
  /** Kish's count of the units that bear on it. */
  readonly effective: number;
}

/** @returns the shares whose mean the metric is; none where it is not defined yet (no labels, no positives) */
export function sharesOf(metric: MetricRule, cells: readonly ConfusionCell[]): Share[] {
  switch (metric.name) {
    case 'accuracy':
      return share(cells, () => 1);
    case 'f-beta':
      return share(cells, fWeight(1, metric.beta ?? 1));
    case 'macro-f1': {
      const labels = new Set(cells.flatMap(({ truth, said }) => [truth, said]));
      return [...labels].flatMap((label) => share(cells, fWeight(label, 1)));
    }
  }
}

type CellWeight = (cell: ConfusionCell) => number;

/** Of one label against the rest. */
function fWeight(label: number, beta: number): CellWeight {
  return ({ truth, said }) => {
    if (truth === label) return said === label ? 1 + beta * beta : beta * beta;
    return said === label ? 1 : 0;
  };
}

function share(cells: readonly ConfusionCell[], weightOf: CellWeight): Share[] {
  const bearing = cells.map((cell) => ({ cell, weight: weightOf(cell) })).filter(({ weight }) => weight > 0);
  const total = bearing.reduce((sum, { cell, weight }) => sum + weight * cell.mass, 0);
  if (total === 0) return [];
  const right = bearing.reduce((sum, { cell, weight }) => sum + (isRight(cell) ? weight * cell.mass : 0), 0);
  const value = right / total;
  return [
    {
      value,
      gradient: (cell) => (weightOf(cell) * (Number(isRight(cell)) - value)) / total,
      effective: effectiveCount(
        bearing.map(({ cell, weight }) => ({
          mass: weight * cell.mass,
          square: weight * weight * cell.square,
        })),
      ),
    },
  ];
}

function isRight({ truth, said }: ConfusionCell): boolean {
  return truth === said;
}
