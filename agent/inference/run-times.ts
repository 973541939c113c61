/** How long runs of a model take, and from when on one is longer than chance makes it. Pure. */

const RUNS_TO_KNOW = 20;
/** So far beyond the slowest run of late that chance does not get there. */
const FACTOR = 20;
/** A scheduler or a disk may hold any process up for this long. */
const LEAST_MS = 500;
/** Each run forgets so much of the slowest: half in about 700 runs. */
const MEMORY = 0.999;

interface Times {
  runs: number;
  slowestMs: number;
  mostRows: number;
}

export class RunTimes {
  readonly #models = new Map<string, Times>();

  /** @param ms from when the engine began with it until it was answered */
  observe(model: string, rows: number, ms: number): void {
    const known = this.#models.get(model);
    if (!known) {
      this.#models.set(model, { runs: 1, slowestMs: ms, mostRows: rows });
      return;
    }
    known.runs += 1;
    known.slowestMs = Math.max(ms, known.slowestMs * MEMORY);
    known.mostRows = Math.max(rows, known.mostRows);
  }

  /** max(500 ms, 20 x the slowest of late), in proportion for a batch larger than any before; undefined: not known yet. */
  suspiciousMs(model: string, rows: number): number | undefined {
    const known = this.#models.get(model);
    if (!known || known.runs < RUNS_TO_KNOW) return undefined;
    return Math.max(LEAST_MS, FACTOR * known.slowestMs * Math.max(1, rows / known.mostRows));
  }

  forget(model: string): void {
    this.#models.delete(model);
  }
}
