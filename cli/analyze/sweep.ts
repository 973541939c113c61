/** Latency and rate of a package on this device, at each number of threads and each size of a batch. */
import { type EngineSession, withEngine } from './engine-session.ts';
import type { PackageOnDisk } from './package-on-disk.ts';

export interface Point {
  readonly threads: number;
  readonly batch: number;
  /** To the engine process and back, as a caller in the agent waits for it. Milliseconds. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** One batch after another, by the median: what else the device does in between does not count. */
  readonly rowsPerS: number;
  /** Runs that this rests on. */
  readonly runs: number;
}

export interface Sweep {
  readonly points: readonly Point[];
  /** With one thread. */
  readonly loadMs: number;
  /** Resident memory of the engine process after the largest batch, by threads. */
  readonly rssBytes: Readonly<Record<number, number>>;
}

export interface SweepOptions {
  readonly threads: readonly number[];
  readonly batches: readonly number[];
  /** Time for each point. */
  readonly eachMs: number;
  readonly onPoint?: (done: number, of: number, point: Point) => void;
}

const WARM_UP_RUNS = 3;
const LEAST_RUNS = 5;

/** @throws CodedError ENGINE_* */
export async function sweep(model: PackageOnDisk, options: SweepOptions): Promise<Sweep> {
  const { threads, batches, eachMs, onPoint } = options;
  const points: Point[] = [];
  const rssBytes: Record<number, number> = {};
  let firstLoadMs: number | undefined;
  for (const count of threads) {
    await withEngine(model, count, async (session) => {
      firstLoadMs ??= session.loadMs;
      for (const batch of batches) {
        const point = { threads: count, batch, ...(await measure(session, batch, eachMs)) };
        points.push(point);
        onPoint?.(points.length, threads.length * batches.length, point);
      }
      rssBytes[count] = session.rssBytes();
    });
  }
  return { points, loadMs: firstLoadMs ?? 0, rssBytes };
}

async function measure(
  session: EngineSession,
  batch: number,
  eachMs: number,
): Promise<Pick<Point, 'p50Ms' | 'p99Ms' | 'rowsPerS' | 'runs'>> {
  for (let i = 0; i < WARM_UP_RUNS; i++) await session.run(batch);
  const timesMs: number[] = [];
  const startedMs = performance.now();
  while (timesMs.length < LEAST_RUNS || performance.now() - startedMs < eachMs) {
    const runMs = performance.now();
    await session.run(batch);
    timesMs.push(performance.now() - runMs);
  }
  const sorted = timesMs.toSorted((a, b) => a - b);
  const at = (q: number) => sorted[Math.ceil(q * sorted.length) - 1] ?? 0;
  return {
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    rowsPerS: (batch * 1000) / at(0.5),
    runs: timesMs.length,
  };
}
