/** The engine with a cache of exact inputs before it: only the rows of a batch that were not seen before are run. */
import type { Clock } from '../clock.ts';
import type { BatchData, Engine, EngineBatch, EngineResult, RunOptions } from '../inference/engine.ts';
import { CacheWorth } from './cache-worth.ts';
import { cacheKey, OutputCache } from './output-cache.ts';

export interface CacheFigures {
  readonly hits: number;
  readonly misses: number;
  readonly bytes: number;
  readonly maxBytes: number;
  readonly evictions: number;
  /** Since the start: spent on hashing, and inside ONNX Runtime for what was not found. */
  readonly hashUs: number;
  readonly computeUs: number;
  /** Hashing costs more than the hits save; judged again every few thousand rows. */
  readonly hurts: boolean;
}

export interface CachedEngineDeps {
  readonly engine: Pick<Engine, 'run'>;
  readonly maxBytes: number;
  readonly clock: Clock;
  readonly onLookup: (model: string, hits: number, misses: number, us: number) => void;
}

/** Pictures and named tensors are not. */
function isCacheable(data: BatchData): data is Float32Array | Uint8Array {
  return data instanceof Float32Array || data instanceof Uint8Array;
}

export class CachedEngine implements Pick<Engine, 'run'> {
  readonly #deps: CachedEngineDeps;
  readonly #cache: OutputCache;
  readonly #worth = new CacheWorth();
  #hits = 0;
  #misses = 0;
  #hashUs = 0;
  #computeUs = 0;

  constructor(deps: CachedEngineDeps) {
    this.#deps = deps;
    this.#cache = new OutputCache(deps.maxBytes);
  }

  figures(): CacheFigures {
    return {
      hits: this.#hits,
      misses: this.#misses,
      bytes: this.#cache.bytes,
      maxBytes: this.#deps.maxBytes,
      evictions: this.#cache.evictions,
      hashUs: this.#hashUs,
      computeUs: this.#computeUs,
      hurts: this.#worth.verdict?.hurts ?? false,
    };
  }

  /** What is not cacheable is run as it is, and so is what wants more than the output that is kept. */
  async run(model: string, batch: EngineBatch, options?: RunOptions): Promise<EngineResult> {
    const { rows, data } = batch;
    if (!isCacheable(data) || rows === 0 || batch.extraOutputs)
      return this.#deps.engine.run(model, batch, options);
    const startedUs = this.#deps.clock.monotonicUs();
    const width = data.length / rows;
    const rowOf = (row: number) => data.subarray(row * width, (row + 1) * width);
    const keys = Array.from({ length: rows }, (_, row) => cacheKey(model, rowOf(row)));
    const known = keys.map((key) => this.#cache.get(key));
    const missing = known.flatMap((output, row) => (output ? [] : [row]));
    const hashUs = this.#deps.clock.monotonicUs() - startedUs;
    const result = await this.#runMissing(model, batch, missing, rowOf, options);
    this.#count(model, rows, rows - missing.length, hashUs, result?.computeUs ?? 0);
    return this.#assembled(keys, known, missing, result);
  }

  async #runMissing(
    model: string,
    batch: EngineBatch,
    missing: readonly number[],
    rowOf: (row: number) => Float32Array | Uint8Array,
    options?: RunOptions,
  ): Promise<EngineResult | null> {
    if (missing.length === 0) return null;
    if (missing.length === batch.rows) return this.#deps.engine.run(model, batch, options);
    const first = rowOf(0);
    const length = missing.length * first.length;
    const data = first instanceof Float32Array ? new Float32Array(length) : new Uint8Array(length);
    for (const [i, row] of missing.entries()) data.set(rowOf(row), i * first.length);
    return this.#deps.engine.run(model, { rows: missing.length, data }, options);
  }

  #assembled(
    keys: readonly string[],
    known: readonly (Float32Array | undefined)[],
    missing: readonly number[],
    result: EngineResult | null,
  ): EngineResult {
    const width = result?.width ?? known[0]?.length ?? 0;
    const output = new Float32Array(keys.length * width);
    for (const [row, values] of known.entries()) if (values) output.set(values, row * width);
    for (const [i, row] of missing.entries()) {
      const values = result?.output.subarray(i * width, (i + 1) * width) ?? new Float32Array(0);
      output.set(values, row * width);
      this.#cache.set(keys[row] as string, values);
    }
    return { output, width, computeUs: result?.computeUs ?? 0, cachedRows: keys.length - missing.length };
  }

  #count(model: string, rows: number, hits: number, hashUs: number, computeUs: number): void {
    this.#hits += hits;
    this.#misses += rows - hits;
    this.#hashUs += hashUs;
    this.#computeUs += computeUs;
    this.#worth.add({ rows, hits, hashUs, computeUs });
    this.#deps.onLookup(model, hits, rows - hits, hashUs);
  }
}
