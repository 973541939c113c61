/**
 * What it costs to thin out a store of a million predictions, in slices between other work. The baseline is what a full
 * buffer usually does: drop the oldest, as many rows of them.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Contexts } from '../agent/store/contexts.ts';
import { Database } from '../agent/store/database.ts';
import { DropTables } from '../agent/store/drop-tables.ts';
import { PredictionWriter } from '../agent/store/prediction-writer.ts';
import type { NewPrediction } from '../agent/store/records.ts';
import { StreamHeads } from '../agent/store/stream-heads.ts';
import { Counters } from '../daemon/counters.ts';
import { type BenchResult, quantile } from './result.ts';

const ROWS = 1_000_000;
const ROWS_A_COMMIT = 2000;
const SLICE_ROWS = 2048;
const MODEL = 'a'.repeat(64);
const LIMITS = { maxBytes: 2 ** 32, logBytes: 16 * 2 ** 20 };
/** Every twentieth is worth keeping. */
const NOTABLE_EVERY = 20;

export async function run(say: (line: string) => void): Promise<BenchResult> {
  const folder = mkdtempSync(join(tmpdir(), 'andon-thinning-'));
  try {
    const thinned = thinOnce(join(folder, 'thinned.db'));
    say(`thinned ${ROWS} predictions to ${thinned.left} in ${Math.round(thinned.tookMs)} ms`);
    const dropped = dropOldest(join(folder, 'dropped.db'), ROWS - thinned.left);
    say(`dropped as many of the oldest in ${Math.round(dropped.tookMs)} ms`);
    return {
      name: 'thinning',
      baseline: 'dropping as many of the oldest predictions from the same store',
      ratios: { timeVsDroppingOldest: thinned.tookMs / dropped.tookMs },
      figures: {
        passMs: thinned.tookMs,
        rowsPerS: (ROWS / thinned.tookMs) * 1000,
        sliceP50Ms: quantile(thinned.slicesMs, 0.5),
        sliceP99Ms: quantile(thinned.slicesMs, 0.99),
        longestSliceMs: Math.max(...thinned.slicesMs),
        longestSliceOfOldestMs: Math.max(...dropped.slicesMs),
        usedShareAfterOneSweep: thinned.usedShare,
        rowsLeftShare: thinned.left / ROWS,
      },
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Filled {
  readonly database: Database;
  readonly heads: StreamHeads;
  readonly drops: DropTables;
}

function filled(path: string): Filled {
  const database = Database.open(path, LIMITS);
  const contexts = new Contexts(database.sqlite, '00c0ffee', new Counters());
  const heads = new StreamHeads(database.sqlite);
  const writer = new PredictionWriter(database.sqlite, contexts, heads);
  for (let made = 0; made < ROWS; made += ROWS_A_COMMIT) {
    const rows = Array.from({ length: ROWS_A_COMMIT }, (_, i) => predictionOf(made + i));
    database.transaction(() => writer.write(rows));
  }
  heads.mark()();
  return { database, heads, drops: new DropTables(database, heads, contexts, SLICE_ROWS) };
}

function predictionOf(n: number): NewPrediction {
  return {
    timeMs: 1_790_000_000_000 + n * 100,
    slot: 'inspection',
    model: MODEL,
    role: 'champion',
    correlationId: `part-${n}`,
    label: n % 2,
    score: (n % 1000) / 1000,
    latencyUs: 100 + (n % 64),
    health: 0,
    unsure: n % NOTABLE_EVERY === 0,
    features: null,
    shadow: null,
  };
}

/** One whole sweep of level 1. */
function thinOnce(path: string): { tookMs: number; slicesMs: number[]; left: number; usedShare: number } {
  const { database, heads, drops } = filled(path);
  const before = database.size().usedBytes;
  const slicesMs = timed(() => drops.dropSlice('any')?.[0]?.to ?? ROWS, ROWS - 1);
  const usedShare = database.size().usedBytes / before;
  database.close();
  return { tookMs: sumOf(slicesMs), slicesMs, left: ROWS - heads.of('predictions').dropped, usedShare };
}

function dropOldest(path: string, count: number): { tookMs: number; slicesMs: number[] } {
  const { database, heads, drops } = filled(path);
  // What the server has goes by the slice from the oldest on, too.
  heads.ack('predictions', count);
  const slicesMs = timed(() => drops.dropSlice('acked')?.[0]?.to ?? count, count);
  database.close();
  return { tookMs: sumOf(slicesMs), slicesMs };
}

/** @param slice returns how far it came @returns how long each took, ms */
function timed(slice: () => number, until: number): number[] {
  const slicesMs: number[] = [];
  for (let to = 0; to < until; ) {
    const startMs = performance.now();
    to = slice();
    slicesMs.push(performance.now() - startMs);
  }
  return slicesMs;
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
