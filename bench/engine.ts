/**
 * Durable predictions a second through the whole pipeline (validated, inferred in the engine process, decided, committed
 * with an fsync) and rows a second through the engine alone, against bare `session.run` loops on the same model; what a lone
 * sample pays at 200 a second; and how long the agent's event loop is held up while a slow model is at its limit.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { AgentRig } from './agent-rig.ts';
import { BareLoop } from './bare-loop.ts';
import { deepModel, steelSurface } from './bench-model.ts';
import { type BenchResult, median, quantile } from './result.ts';

const ROUNDS = 3;
const WARM_UPS = 2;
const SAMPLES = 300_000;
/** As the lane's batches. */
const BATCH = 256;
const ENGINE_MS = 1500;
const SLOW_SAMPLES = 60;
const SLOW_RUN_MS = 50;

export async function run(say: (line: string) => void): Promise<BenchResult> {
  const model = steelSurface();
  const bare = await BareLoop.open(model);
  const ours = await AgentRig.open(model, { maxRows: BATCH });
  const rates = {
    bare: [] as number[],
    bareBatch32: [] as number[],
    engine: [] as number[],
    durable: [] as number[],
  };
  try {
    // Code that runs for months is compiled: both sides are, before anything is counted.
    await bare.perSecond(1);
    for (let i = 0; i < WARM_UPS; i++) await ours.perSecond(SAMPLES);
    for (let round = 1; round <= ROUNDS; round++) {
      rates.bare.push(await bare.perSecond(1));
      rates.durable.push(await ours.perSecond(SAMPLES));
      rates.bareBatch32.push(await bare.perSecond(32));
      rates.engine.push(await ours.enginePerSecond(BATCH, ENGINE_MS));
      const last = Object.entries(rates).map(
        ([name, all]) => `${name} ${Math.round(all.at(-1) ?? 0).toLocaleString('en')}/s`,
      );
      say(`round ${round}/${ROUNDS}: ${last.join(', ')}`);
    }
    const bareUs = await bare.pacedUs();
    const ourUs = await ours.pacedUs();
    const bareP50 = median(bareUs);
    const slow = await slowModel(say);
    return {
      name: 'engine',
      ratios: {
        durableVsBare: median(rates.durable) / median(rates.bare),
        engineVsBareBatch32: median(rates.engine) / median(rates.bareBatch32),
      },
      figures: {
        durablePerS: median(rates.durable),
        barePerS: median(rates.bare),
        enginePerS: median(rates.engine),
        bareBatch32PerS: median(rates.bareBatch32),
        overheadP50Us: median(ourUs) - bareP50,
        overheadP99Us: quantile(ourUs, 0.99) - bareP50,
        bareP50Us: bareP50,
        ...slow,
      },
      baseline:
        'a bare session.run loop in this process, same model: by one, by 32, all of them warm; overhead against the bare median at the same 200 samples/s',
    };
  } finally {
    await ours.close();
  }
}

/** The slow model's samples come as fast as they are taken. */
async function slowModel(say: (line: string) => void): Promise<Record<string, number>> {
  const folder = mkdtempSync(join(tmpdir(), 'andon-bench-slow-'));
  try {
    const probe = await BareLoop.open(deepModel(join(folder, 'probe'), 16));
    const probeMs = 1000 / (await probe.perSecond(1));
    const layers = Math.max(1, Math.round((16 * SLOW_RUN_MS) / probeMs));
    const rig = await AgentRig.open(deepModel(join(folder, 'slow'), layers), { maxRows: 1 });
    const delay = monitorEventLoopDelay({ resolution: 1 });
    try {
      delay.enable();
      const perS = await rig.perSecond(SLOW_SAMPLES);
      delay.disable();
      say(`a model of ${layers} products: ${(1000 / perS).toFixed(1)} ms a run`);
      return { slowRunMs: 1000 / perS, loopLagP99Ms: delay.percentile(99) / 1e6 };
    } finally {
      await rig.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
