/** What to pick of a sweep, and why. Pure. */
import type { Point } from './sweep.ts';

export interface Advice {
  readonly pick: Point;
  /** Whether the budget is kept; true without one. */
  readonly inBudget: boolean;
  /** Two sentences. */
  readonly why: string;
}

/** Within so much of the best rate, smaller is better: less to wait for, less memory, cores left for others. */
const NEAR_BEST = 0.9;

/**
 * The fewest threads, then the smallest batch, that reach 90 % of the best rate among what keeps the budget.
 * @param budgetMs for the 99th percentile of a batch; null: none
 * @throws RangeError for no points
 */
export function advise(points: readonly Point[], budgetMs: number | null): Advice {
  const fitting = points.filter(({ p99Ms }) => budgetMs === null || p99Ms <= budgetMs);
  if (fitting.length === 0) return outOfBudget(points, budgetMs ?? 0);
  const best = fitting.reduce((a, b) => (b.rowsPerS > a.rowsPerS ? b : a));
  const [pick = best] = fitting
    .filter(({ rowsPerS }) => rowsPerS >= NEAR_BEST * best.rowsPerS)
    .toSorted((a, b) => a.threads - b.threads || a.batch - b.batch);
  const within = budgetMs === null ? '' : ` and keeps the budget of ${budgetMs} ms`;
  const second =
    pick === best
      ? 'It is also the fastest that was measured within these limits.'
      : `The fastest, ${setting(best)}, does ${rate(best)}: not enough more to be worth ${worth(pick, best)}.`;
  return {
    pick,
    inBudget: true,
    why: `Take ${setting(pick)}: ${rate(pick)} at ${ms(pick.p99Ms)} (p99 of a batch)${within}. ${second}`,
  };
}

function outOfBudget(points: readonly Point[], budgetMs: number): Advice {
  const [pick] = points.toSorted((a, b) => a.p99Ms - b.p99Ms);
  if (!pick) throw new RangeError('nothing was measured');
  return {
    pick,
    inBudget: false,
    why: `Nothing keeps ${budgetMs} ms: the quickest is ${setting(pick)} with ${ms(pick.p99Ms)} (p99 of a batch). Release a smaller model, or allow more time.`,
  };
}

/** Lines to paste into device.config.json. */
export function configLines({ threads, batch }: Point, slot: string): string {
  return [
    `"engine": { "threads": ${threads} }`,
    `"slots": { "${slot}": { "batch": { "maxRows": ${batch} } } }`,
  ].join('\n');
}

function worth(pick: Point, best: Point): string {
  if (best.threads > pick.threads)
    return `${best.threads - pick.threads} more core${best.threads - pick.threads === 1 ? '' : 's'}`;
  return 'a longer wait for each batch';
}

function setting({ threads, batch }: Point): string {
  const cores = `${threads} thread${threads === 1 ? '' : 's'}`;
  return batch === 1 ? `${cores} and one row at a time` : `${cores} with batches of up to ${batch}`;
}

function rate({ rowsPerS }: Point): string {
  return `${Math.round(rowsPerS).toLocaleString('en')} rows/s`;
}

function ms(value: number): string {
  return `${value.toPrecision(3)} ms`;
}
