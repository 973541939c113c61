/** What a model costs on this device, measured beside the champion: time for one row, memory of the engine; and whether the slot allows it. */
import type { Golden, GoldenSample, Manifest } from '../../protocol/manifest.ts';
import type { Budget } from '../config/updates.ts';
import { agentError } from '../errors.ts';
import type { Trial } from '../inference/engine.ts';
import { deadlineMs } from './deadline.ts';
import { goldenBatch } from './golden-batch.ts';
import type { SelfTest } from './slot-state.ts';

const RUNS = 50;
const LEAST_RUNS = 5;
/** A slow model is not run more often than fits into this. */
const ROUND_MS = 1000;
/** Over the budget in each of so many rounds: once may be the machine. */
const ROUNDS = 3;
/** The champion waits while a batch runs. */
const BATCH_MS = 100;
const MIB = 1024 * 1024;

/**
 * The 99th percentile of the time inside the engine for one row, over 50 runs of golden samples one by one;
 * of three rounds the best when the first is over `allowedMs`.
 * @returns milliseconds
 */
export async function measureLatency(
  run: Trial['run'],
  manifest: Manifest,
  golden: Golden,
  allowedMs: number | undefined,
): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 1; round <= ROUNDS; round++) {
    best = Math.min(best, await latencyRound(run, manifest, golden, allowedMs));
    if (allowedMs === undefined || best <= allowedMs) break;
  }
  return best;
}

/** One batch as large as the slot's, or as large as it may be beside a champion at work: memory grows with it. */
export async function runLargeBatch(
  run: Trial['run'],
  manifest: Manifest,
  golden: Golden,
  { maxRows, rowMs }: { readonly maxRows: number; readonly rowMs: number },
): Promise<void> {
  const rows = Math.max(1, Math.min(maxRows, Math.floor(BATCH_MS / Math.max(rowMs, 1e-6))));
  const samples = Array.from({ length: rows }, (_, i) => sampleAt(golden, i));
  const options = { once: true, timeoutMs: deadlineMs(rowMs, rows) };
  await run(goldenBatch(manifest, samples), options);
}

/** @throws CodedError MODEL_TOO_SLOW, MODEL_TOO_LARGE with what was measured and what is allowed */
export function checkBudget({ latencyP99Ms, memoryBytes }: SelfTest, budget: Budget): void {
  const hint = 'Release a smaller model (int8, fewer layers), or raise slots.*.budget in device.config.json.';
  if (budget.latencyP99Ms !== undefined && latencyP99Ms > budget.latencyP99Ms) {
    const words = `a row takes ${latencyP99Ms.toPrecision(3)} ms (p99) on this device, allowed are ${budget.latencyP99Ms} ms`;
    throw agentError('MODEL_TOO_SLOW', words, { hint });
  }
  if (budget.memoryMiB !== undefined && memoryBytes > budget.memoryMiB * MIB) {
    const words = `it takes ${(memoryBytes / MIB).toFixed(1)} MiB of the engine’s memory, allowed are ${budget.memoryMiB} MiB`;
    throw agentError('MODEL_TOO_LARGE', words, { hint });
  }
}

/** Round and round. */
function sampleAt({ samples }: Golden, index: number): GoldenSample {
  return samples[index % samples.length] as GoldenSample;
}

async function latencyRound(
  run: Trial['run'],
  manifest: Manifest,
  golden: Golden,
  allowedMs: number | undefined,
): Promise<number> {
  const timesMs: number[] = [];
  let totalMs = 0;
  while (timesMs.length < RUNS && (totalMs < ROUND_MS || timesMs.length < LEAST_RUNS)) {
    const options = { once: true, timeoutMs: deadlineMs(timesMs[0] ?? allowedMs, 1) };
    const batch = goldenBatch(manifest, [sampleAt(golden, timesMs.length)]);
    const { computeUs } = await run(batch, options);
    timesMs.push(computeUs / 1000);
    totalMs += computeUs / 1000;
  }
  // Nearest rank.
  const sorted = timesMs.sort((a, b) => a - b);
  return sorted[Math.ceil(0.99 * sorted.length) - 1] ?? 0;
}
