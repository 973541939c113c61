/** What each slot's models did since the agent started: the figures behind /metrics and the protocol's statistics. */
import type { Clock } from '../clock.ts';
import { Histogram, type HistogramView } from './histogram.ts';

/** As much of an `ActiveModel` as names it. */
export interface FiguredModel {
  readonly manifest: { readonly name: string; readonly version: number };
}

/**
 * One run of the engine. A batch's times count for each of its requests, as Triton counts them; a sample of a source is a
 * request of one row.
 */
export interface Executed {
  readonly rows: number;
  readonly requests: number;
  /** Making the batch: validation, the rows, their windows. */
  readonly inputUs: number;
  /** Inside ONNX Runtime. */
  readonly computeUs: number;
}

/** Requests or look-ups, and the time they took together. */
export interface Duration {
  readonly count: number;
  readonly ns: number;
}

export interface ModelFigures {
  readonly slot: string;
  readonly model: string;
  readonly version: number;
  readonly success: Duration;
  readonly fail: Duration;
  /** Rows that went through the model; executions are runs of the engine. */
  readonly inferenceCount: number;
  readonly executionCount: number;
  readonly queue: Duration;
  readonly computeInput: Duration;
  readonly computeInfer: Duration;
  readonly computeOutput: Duration;
  /** Rows. */
  readonly cacheHit: Duration;
  readonly cacheMiss: Duration;
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
  /** Requests left the queue after these waits, microseconds. */
  queued(slot: string, model: FiguredModel, waitsUs: Iterable<number>): void;
  executed(slot: string, model: FiguredModel, run: Executed): void;
  /** Requests that got no answer, after these times. */
  failed(slot: string, model: FiguredModel, requestsUs: readonly number[]): void;
  /** Decisions made: how long that step took for the batch, and each request's whole way. */
  decided(slot: string, model: FiguredModel, outputUs: number, requestsUs: Iterable<number>): void;
  committed(slot: string, model: FiguredModel, rows: number, us: number): void;
  /** Rows looked up in the cache, and how long that took for all of them. */
  cache(slot: string, model: FiguredModel, hits: number, misses: number, us: number): void;
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

  executed(slot: string, model: FiguredModel, { rows, requests, inputUs, computeUs }: Executed): void {
    const tally = this.#tally(slot, model);
    tally.executions += 1;
    tally.rows += rows;
    tally.compute.observe(computeUs, requests);
    tally.inputUs += inputUs * requests;
    tally.lastMs = this.#clock.wallMs();
    const size = 2 ** Math.ceil(Math.log2(Math.max(1, rows)));
    const batch = tally.batches.get(size) ?? { count: 0, computeUs: 0 };
    batch.count += 1;
    batch.computeUs += computeUs;
    tally.batches.set(size, batch);
  }

  failed(slot: string, model: FiguredModel, requestsUs: readonly number[]): void {
    const { fail } = this.#tally(slot, model);
    for (const us of requestsUs) addTo(fail, 1, us);
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

  cache(slot: string, model: FiguredModel, hits: number, misses: number, us: number): void {
    const { cacheHit, cacheMiss } = this.#tally(slot, model);
    const rows = Math.max(1, hits + misses);
    addTo(cacheHit, hits, (us * hits) / rows);
    addTo(cacheMiss, misses, (us * misses) / rows);
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
  rows: number;
  readonly fail: Spent;
  /** Summed over requests. */
  inputUs: number;
  outputUs: number;
  readonly cacheHit: Spent;
  readonly cacheMiss: Spent;
  lastMs: number;
}

interface Spent {
  count: number;
  us: number;
}

function addTo(spent: Spent, count: number, us: number): void {
  spent.count += count;
  spent.us += Math.max(0, us);
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
    rows: 0,
    fail: { count: 0, us: 0 },
    inputUs: 0,
    outputUs: 0,
    cacheHit: { count: 0, us: 0 },
    cacheMiss: { count: 0, us: 0 },
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
    fail: duration(tally.fail.count, tally.fail.us),
    inferenceCount: tally.rows,
    executionCount: tally.executions,
    queue: duration(queue.count, queue.sumUs),
    computeInput: duration(compute.count, tally.inputUs),
    computeInfer: duration(compute.count, compute.sumUs),
    computeOutput: duration(request.count, tally.outputUs),
    cacheHit: duration(tally.cacheHit.count, tally.cacheHit.us),
    cacheMiss: duration(tally.cacheMiss.count, tally.cacheMiss.us),
    lastInferenceMs: tally.lastMs,
    batches: [...tally.batches]
      .sort(([a], [b]) => a - b)
      .map(([rows, { count, computeUs }]) => ({ rows, count, computeNs: Math.round(computeUs * 1000) })),
    histograms,
  };
}
