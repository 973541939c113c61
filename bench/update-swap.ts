/** Swapping the model of a line at full load: samples missed and doubled, memory after 1,000 swaps, latency meanwhile, and how soon a bad model is gone. */
import { join, resolve } from 'node:path';
import type { StoredPrediction } from '../agent/store/records.ts';
import { goldenSchema, type Manifest } from '../protocol/manifest.ts';
import { parseManifest } from '../protocol/package-verify.ts';
import { makePackage } from '../test/support/packages.ts';
import { quantile } from './result.ts';
import { builtEngine, hashOf, type Package, readShipped, SwapRig } from './swap-rig.ts';

const SWAPS_AT_FULL_LOAD = 25;
const WARM_UP_SWAPS = 30;
const SWAPS = 1000;
/** Parts a second while the memory is watched, and while the latency is. */
const PACE_MS = 2;
const STEADY_SAMPLES = 1000;
const REVERTS = 3;
/** What crash-in-loop.ts dies of. */
const CRASH = 666;
const ENGINE = 'agent/inference/engine-main.ts';
const MILLING = ['1', '2', '3-worse-on-purpose'];
const models = resolve(import.meta.dirname, '..', 'models', 'milling-failure');
/** A shorter probation than a factory's, and all else as it is by default. */
const QUICK = { probation: { predictions: 4, forMs: 0 }, selfTest: { shadowSamples: 4 } };

export interface SwapFigures {
  readonly ratios: { readonly rssAfter1000Swaps: number; readonly p99DuringSwapVsSteady: number };
  readonly figures: Readonly<Record<string, number>>;
}

export async function runSwap(say: (line: string) => void): Promise<SwapFigures> {
  const packages = MILLING.map((version) => readShipped(join(models, version)));
  const load = await atFullLoad(packages, say);
  const memory = await memoryOverSwaps(packages, say);
  const nan = await worstRevertMs('nan', say);
  const crash = await worstRevertMs('crash', say);
  const hang = await worstRevertMs('hang', say);
  return {
    ratios: {
      rssAfter1000Swaps: memory.rssRatio,
      p99DuringSwapVsSteady: memory.swapP99Us / memory.steadyP99Us,
    },
    figures: {
      missedSamplesDuringSwap: load.missed,
      doubledSamplesDuringSwap: load.doubled,
      samplesDuringSwap: load.samples,
      rssAfter1000SwapsMiB: memory.rssMiB,
      swapMs: memory.swapMs,
      steadyP99Us: memory.steadyP99Us,
      swapP99Us: memory.swapP99Us,
      revertMs: Math.max(nan, crash),
      revertAfterNanMs: nan,
      revertAfterCrashMs: crash,
      revertAfterHangDeadlineMs: hang - HANG_DEADLINE_MS,
    },
  };
}

/** As many samples as the queue takes, while one model follows the other. */
async function atFullLoad(packages: readonly Package[], say: (line: string) => void) {
  const rig = new SwapRig({ packages, slot: QUICK, engineEntry: builtEngine(ENGINE) });
  await rig.start();
  const line = new Line(rig, packages[0] ?? new Map());
  const feeding = line.feedAtFullLoad();
  for (let i = 1; i <= SWAPS_AT_FULL_LOAD; i++)
    await rig.swapTo(hashOf(packages[i % packages.length] ?? new Map()));
  line.stop();
  await feeding;
  await rig.drain();
  await rig.stop();
  const { missed, doubled } = line.ledger();
  say(
    `full load: ${line.samples.toLocaleString('en')} samples in ${SWAPS_AT_FULL_LOAD} swaps, ${missed} missed, ${doubled} doubled`,
  );
  return { missed, doubled, samples: line.samples };
}

async function memoryOverSwaps(packages: readonly Package[], say: (line: string) => void) {
  const rig = new SwapRig({ packages, slot: QUICK, engineEntry: builtEngine(ENGINE) });
  await rig.start();
  const line = new Line(rig, packages[0] ?? new Map());
  const feeding = line.feedPaced();
  await rig.until(() => line.latenciesUs.length >= STEADY_SAMPLES / 10);
  line.latenciesUs.length = 0;
  await rig.until(() => line.latenciesUs.length >= STEADY_SAMPLES);
  const steadyP99Us = quantile(line.latenciesUs, 0.99);
  let warmBytes = 0;
  let startedMs = 0;
  for (let i = 1; i <= WARM_UP_SWAPS + SWAPS; i++) {
    if (i === WARM_UP_SWAPS + 1) {
      warmBytes = await settledRss(rig);
      line.latenciesUs.length = 0;
      startedMs = performance.now();
    }
    await rig.swapTo(hashOf(packages[i % packages.length] ?? new Map()));
    if (i % 250 === WARM_UP_SWAPS)
      say(`${i - WARM_UP_SWAPS} swaps: ${(rig.rssBytes() / 2 ** 20).toFixed(1)} MiB`);
  }
  const swapMs = (performance.now() - startedMs) / SWAPS;
  const swapP99Us = quantile(line.latenciesUs, 0.99);
  const endBytes = await settledRss(rig);
  line.stop();
  await feeding;
  await rig.drain();
  await rig.stop();
  return { rssRatio: endBytes / warmBytes, rssMiB: endBytes / 2 ** 20, swapMs, steadyP99Us, swapP99Us };
}

/** The least of some looks: a successor that warms up beside its predecessor is there for a moment only. */
async function settledRss(rig: SwapRig): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let look = 0; look < 20; look++) {
    least = Math.min(least, rig.rssBytes());
    await new Promise((next) => setTimeout(next, 50));
  }
  return least;
}

type Fault = 'nan' | 'crash' | 'hang';
/** max(1 s, 20 x the measured time of a row), and rows of a few microseconds. */
const HANG_DEADLINE_MS = 1000;
const POISON: Record<Fault, readonly [number, number]> = { nan: [-1, 0], crash: [CRASH, 0], hang: [1e15, 0] };

/** @returns from the first sample that the newcomer cannot bear to the next decision of the model before it; the worst of some */
async function worstRevertMs(fault: Fault, say: (line: string) => void): Promise<number> {
  const good = makePackage({ version: 1 });
  const times: number[] = [];
  for (let i = 0; i < REVERTS; i++) {
    const kind = fault === 'nan' ? 'sqrt' : 'loop';
    const bad = makePackage({ version: 2, graph: { weights: [[1, 0]], kind } });
    const rig = new SwapRig({
      packages: [good, bad],
      slot: { probation: { predictions: 1000, forMs: 0 }, selfTest: { shadowSamples: 0 } },
      engineEntry: builtEngine('bench/crash-in-loop.ts'),
    });
    await rig.start();
    rig.want(hashOf(bad));
    await rig.until(() => rig.champion === hashOf(bad));
    let backMs = 0;
    rig.onCommitted = (predictions) => {
      if (backMs === 0 && predictions.some(({ model }) => model === hashOf(good))) backMs = performance.now();
    };
    const startedMs = performance.now();
    let n = 0;
    const feed = setInterval(() => {
      const [a, b] = n++ < 20 ? POISON[fault] : [1, 1];
      rig.sink.sample({ source: 'bench', timeMs: Date.now(), correlationId: `p${n}`, features: { a, b } });
    }, PACE_MS);
    await rig.until(() => backMs > 0);
    clearInterval(feed);
    times.push(backMs - startedMs);
    await rig.drain();
    await rig.stop();
  }
  say(`${fault}: back after ${times.map((ms) => ms.toFixed(0)).join(', ')} ms`);
  return Math.max(...times);
}

/** Samples one after the other, and what became of each. */
class Line {
  readonly #rig: SwapRig;
  readonly #rows: Record<string, number | string>[];
  /** Deciding predictions by number of the sample. */
  #decided = new Uint8Array(1 << 20);
  readonly latenciesUs: number[] = [];
  samples = 0;
  #stopped = false;

  constructor(rig: SwapRig, files: Package) {
    this.#rig = rig;
    this.#rows = rowsOf(files);
    rig.onCommitted = (predictions) => this.#count(predictions);
  }

  async feedAtFullLoad(): Promise<void> {
    while (!this.#stopped) {
      for (let i = 0; i < 64 && this.#rig.sink.hasRoom(); i++) this.#push();
      if (!this.#rig.sink.hasRoom()) await this.#rig.sink.ready();
      await new Promise((next) => setImmediate(next));
    }
  }

  async feedPaced(): Promise<void> {
    while (!this.#stopped) {
      this.#push();
      await new Promise((next) => setTimeout(next, PACE_MS));
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  ledger(): { missed: number; doubled: number } {
    const counts = this.#decided.subarray(0, this.samples);
    return {
      missed: counts.reduce((sum, count) => sum + (count === 0 ? 1 : 0), 0),
      doubled: counts.reduce((sum, count) => sum + (count > 1 ? 1 : 0), 0),
    };
  }

  #push(): void {
    const number = this.samples++;
    const features = this.#rows[number % this.#rows.length] ?? {};
    this.#rig.sink.sample({ source: 'bench', timeMs: Date.now(), correlationId: String(number), features });
  }

  #count(predictions: readonly StoredPrediction[]): void {
    for (const { correlationId, latencyUs } of predictions) {
      const number = Number(correlationId);
      while (number >= this.#decided.length) {
        const grown = new Uint8Array(2 * this.#decided.length);
        grown.set(this.#decided);
        this.#decided = grown;
      }
      this.#decided[number] = (this.#decided[number] ?? 0) + 1;
      this.latenciesUs.push(latencyUs);
    }
  }
}

/** The package's golden inputs as a source would bring them. */
function rowsOf(files: Package): Record<string, number | string>[] {
  const manifest: Manifest = parseManifest(files.get('manifest.json') ?? Buffer.alloc(0));
  const golden = goldenSchema.parse(JSON.parse(String(files.get(manifest.golden.file))));
  const features = manifest.input.kind === 'tensor' ? [] : manifest.input.features;
  return golden.samples.map(({ input }) =>
    Object.fromEntries(
      features.map(({ name, categories }, i) => {
        const value = input[i] ?? 0;
        return [name, categories?.[value] ?? value];
      }),
    ),
  );
}
