/** A package in the engine process that the agent uses, alone in it. */
import { pino } from 'pino';
import { systemClock } from '../../agent/clock.ts';
import type { EngineResult } from '../../agent/inference/engine.ts';
import { EngineProcess } from '../../agent/inference/engine-client.ts';
import { goldenBatch } from '../../agent/models/golden-batch.ts';
import { Counters } from '../../daemon/counters.ts';
import type { GoldenSample } from '../../protocol/manifest.ts';
import type { PackageOnDisk } from './package-on-disk.ts';

/** The largest batch of a large model on a small device takes a while. */
const TIMEOUT_MS = 120_000;

export interface EngineSession {
  /** Reading, building and warming up the model, with its graph optimised. */
  readonly loadMs: number;
  /** Golden samples as one batch, again and again from the first when `rows` are more. */
  run(rows: number): Promise<EngineResult>;
  /** Resident memory of the engine process with the model, as it is now. */
  rssBytes(): number;
}

/** Starts an engine, loads the package, calls `use`, and ends the engine whatever happens. @throws CodedError ENGINE_* */
export async function withEngine<T>(
  model: PackageOnDisk,
  threads: number,
  use: (session: EngineSession) => Promise<T>,
): Promise<T> {
  const engine = new EngineProcess({
    threads,
    timeoutMs: TIMEOUT_MS,
    log: pino({ level: 'silent' }),
    clock: systemClock,
    counters: new Counters(),
  });
  await engine.start();
  try {
    const startedMs = performance.now();
    await engine.load(model);
    const loadMs = performance.now() - startedMs;
    const { samples } = model.golden;
    const run = (rows: number) => {
      const asked = Array.from({ length: rows }, (_, i) => samples[i % samples.length] as GoldenSample);
      return engine.run(model.manifestSha256, goldenBatch(model.manifest, asked), { once: true });
    };
    return await use({ loadMs, run, rssBytes: () => engine.status().rssBytes });
  } finally {
    await engine.stop();
  }
}
