/** What each slot's models did since the agent started: the figures behind /metrics. */
import type { Clock } from '../clock.ts';
import { Histogram, type HistogramView } from './histogram.ts';

/** As much of an `ActiveModel` as names it. */
export interface FiguredModel {
  readonly manifest: { readonly name: string; readonly version: number };
}

/** One run of the engine. A batch's times count for each of its rows, as Triton counts them for each request. */
export interface Executed {
  readonly rows: number;
  /** Making the batch: validation, the rows, their windows. */
  readonly inputUs: number;
  /** Inside ONNX Runtime. */
  readonly computeUs: number;
}

/** Rows or calls, and the time they took together. */
interface Duration {
  readonly count: number;
  readonly ns: number;
}

export interface ModelFigures {
  readonly slot: string;
  readonly model: string;
  readonly version: number;
  readonly success: Duration;
  readonly failCount: number;
  /** Rows that went through the model; executions are runs of the engine. */
  readonly inferenceCount: number;
  readonly executionCount: number;
  readonly queue: Duration;
  readonly computeInput: Duration;
  readonly computeInfer: Duration;
  readonly computeOutput: Duration;
  readonly cacheHits: number;
  readonly cacheMisses: number;
  /** Wall clock; 0: never yet. */
  readonly lastInferenceMs: number;
  /** Runs by their rows, in powers of two: `rows` is the largest that counts there. */
  readonly batches: readonly { readonly rows: number; readonly count: number; readonly computeNs: number }[];
  readonly histograms: {
    readonly queue: HistogramView;
    readonly compute: HistogramView;
    /** Sample accepted to decision made. */
    readonly request: HistogramView;
    /** Handed to the store to durable. */
    readonly commit: HistogramView;
  };
}

/** What the lanes tell. */
export interface InferenceObserver {
  /** Rows left the queue after these waits, microseconds. */
  queued(slot: string, model: FiguredModel, waitsUs: Iterable<number>): void;
  executed(slot: string, model: FiguredModel, run: Executed): void;
  /** Rows that got no answer. */
  failed(slot: string, model: FiguredModel, rows: number): void;
  /** Decisions made: how long that step took for the batch, and each row's whole way. */
  decided(slot: string, model: FiguredModel, outputUs: number, requestsUs: Iterable<number>): void;
  committed(slot: string, model: FiguredModel, rows: number, us: number): void;
  cache(slot: string, model: FiguredModel, hits: number, misses: number): void;
}

/** A slot that sees many versions keeps the figures of the last ones it used. */
const MODELS_A_SLOT = 8;

export class InferenceFigures implements InferenceObserver {
  readonly #clock: Pick<Clock, 'wallMs'>;
  /** Slot -> model and version -> figures, the one that began last at the end. */
  readonly #slots = new Map<string, Map<string, Tally>>();

  constructor(clock: Pick<Clock, 'wallMs'>) {
    this.#clock = clock;
  }

  queued(slot: string, model: FiguredModel, waitsUs: Iterable<number>): void {
    const { queue } = this.#tally(slot, model);
    for (const us of waitsUs) queue.observe(us);
  }

  executed(slot: string, model: FiguredModel, { rows, inputUs, computeUs }: Executed): void {
    const tally = this.#tally(slot, model);
    tally.executions += 1;
    tally.compute.observe(computeUs, rows);
    tally.inputUs += inputUs * rows;
    tally.lastMs = this.#clock.wallMs();
    const size = 2 ** Math.ceil(Math.log2(Math.max(1, rows)));
    const batch = tally.batches.get(size) ?? { count: 0, computeUs: 0 };
    batch.count += 1;
    batch.computeUs += computeUs;
    tally.batches.set(size, batch);
  }

  failed(slot: string, model: FiguredModel, rows: number): void {
    this.#tally(slot, model).failed += rows;
  }

  decided(slot: string, model: FiguredModel, outputUs: number, requestsUs: Iterable<number>): void {
    const tally = this.#tally(slot, model);
    for (const us of requestsUs) {
      tally.request.observe(us);
      tally.outputUs += outputUs;
    }
  }

  committed(slot: string, model: FiguredModel, rows: number, us: number): void {
    this.#tally(slot, model).commit.observe(us, rows);
  }

  cache(slot: string, model: FiguredModel, hits: number, misses: number): void {
    const tally = this.#tally(slot, model);
    tally.cacheHits += hits;
    tally.cacheMisses += misses;
  }

  /** Of every slot and model since the agent started. */
  all(): ModelFigures[] {
    return [...this.#slots].flatMap(([slot, tallies]) =>
      [...tallies.values()].map((tally) => figuresOf(slot, tally)),
    );
  }

  #tally(slot: string, { manifest: { name, version } }: FiguredModel): Tally {
    let tallies = this.#slots.get(slot);
    if (!tallies) {
      tallies = new Map();
      this.#slots.set(slot, tallies);
    }
    const key = `${name} ${version}`;
    const known = tallies.get(key);
    if (known) return known;
    if (tallies.size >= MODELS_A_SLOT) {
      // Never a model at work: its counters would begin anew.
      const [idlest] = [...tallies].sort(([, a], [, b]) => a.lastMs - b.lastMs);
      if (idlest) tallies.delete(idlest[0]);
    }
    const tally = newTally(name, version);
    tallies.set(key, tally);
    return tally;
  }
}

interface Tally {
  readonly name: string;
  readonly version: number;
  readonly queue: Histogram;
  readonly compute: Histogram;
  readonly request: Histogram;
  readonly commit: Histogram;
  readonly batches: Map<number, { count: number; computeUs: number }>;
  executions: number;
  failed: number;
  /** Summed over rows. */
  inputUs: number;
  outputUs: number;
  cacheHits: number;
  cacheMisses: number;
  lastMs: number;
}

function newTally(name: string, version: number): Tally {
  return {
    name,
    version,
    queue: new Histogram(),
    compute: new Histogram(),
    request: new Histogram(),
    commit: new Histogram(),
    batches: new Map(),
    executions: 0,
    failed: 0,
    inputUs: 0,
    outputUs: 0,
    cacheHits: 0,
    cacheMisses: 0,
    lastMs: 0,
  };
}

function figuresOf(slot: string, tally: Tally): ModelFigures {
  const histograms = {
    queue: tally.queue.view(),
    compute: tally.compute.view(),
    request: tally.request.view(),
    commit: tally.commit.view(),
  };
  const { queue, compute, request } = histograms;
  const duration = (count: number, us: number): Duration => ({ count, ns: Math.round(us * 1000) });
  return {
    slot,
    model: tally.name,
    version: tally.version,
    success: duration(request.count, request.sumUs),
    failCount: tally.failed,
    inferenceCount: compute.count,
    executionCount: tally.executions,
    queue: duration(queue.count, queue.sumUs),
    computeInput: duration(compute.count, tally.inputUs),
    computeInfer: duration(compute.count, compute.sumUs),
    computeOutput: duration(request.count, tally.outputUs),
    cacheHits: tally.cacheHits,
    cacheMisses: tally.cacheMisses,
    lastInferenceMs: tally.lastMs,
    batches: [...tally.batches]
      .sort(([a], [b]) => a - b)
      .map(([rows, { count, computeUs }]) => ({ rows, count, computeNs: Math.round(computeUs * 1000) })),
    histograms,
  };
}
