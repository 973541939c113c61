/** How long a model may take for a batch before it is taken to hang. Pure. */

/** A scheduler or a disk may hold any process up for this long. */
const LEAST_MS = 1000;
/** So far beyond its 99th percentile that chance does not get there. */
const FACTOR = 20;

/**
 * max(1 s, 20 x p99 of one row x rows): a batch costs less a row than a lone row does, so this errs on the long side.
 * @param rowP99Ms of one row, measured here or allowed by the budget; undefined: nothing is known, only `engine.timeoutMs` counts
 * @returns milliseconds
 */
export function deadlineMs(rowP99Ms: number | undefined, rows: number): number | undefined {
  return rowP99Ms === undefined ? undefined : Math.max(LEAST_MS, FACTOR * rowP99Ms * rows);
}
