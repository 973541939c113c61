/** What the statistics extension tells of each model and version, fed by the requests that it answered or refused. */

export interface Timed {
  readonly rows: number;
  /** Nanoseconds, as all times here. */
  readonly inputNs: number;
  readonly queueNs: number;
  readonly inferNs: number;
  readonly outputNs: number;
  /** From the whole body to the whole answer. */
  readonly totalNs: number;
  /** Whether the slot's cache had the answer; null where it has none. */
  readonly cache: 'hit' | 'miss' | null;
}

interface Duration {
  count: number;
  ns: number;
}

interface Tally {
  lastMs: number;
  rows: number;
  executions: number;
  readonly success: Duration;
  readonly fail: Duration;
  readonly queue: Duration;
  readonly input: Duration;
  readonly infer: Duration;
  readonly output: Duration;
  readonly cacheHit: Duration;
  readonly cacheMiss: Duration;
}

export class InferenceStatistics {
  readonly #tallies = new Map<string, Tally>();

  /** As Triton counts: a hit is a success that waited, and neither an inference nor an execution. */
  succeeded(slot: string, version: string, timed: Timed, nowMs: number): void {
    const tally = this.#tallyOf(slot, version);
    tally.lastMs = nowMs;
    add(tally.success, timed.totalNs);
    add(tally.queue, timed.queueNs);
    if (timed.cache === 'hit') {
      add(tally.cacheHit, timed.inferNs);
      return;
    }
    // What looking took is part of the time to infer.
    if (timed.cache === 'miss') add(tally.cacheMiss, 0);
    tally.rows += timed.rows;
    // Requests that shared a batch count one each: `execution_count` is then an upper bound.
    tally.executions += 1;
    add(tally.input, timed.inputNs);
    add(tally.infer, timed.inferNs);
    add(tally.output, timed.outputNs);
  }

  failed(slot: string, version: string, totalNs: number): void {
    add(this.#tallyOf(slot, version).fail, totalNs);
  }

  /** Every field is there and a whole number: clients read them unchecked. */
  view(slot: string, version: string): object {
    const tally = this.#tallyOf(slot, version);
    const { success, fail, queue, input, infer, output, cacheHit, cacheMiss } = tally;
    return {
      name: slot,
      version,
      last_inference: tally.lastMs,
      inference_count: tally.rows,
      execution_count: tally.executions,
      inference_stats: {
        success,
        fail,
        queue,
        compute_input: input,
        compute_infer: infer,
        compute_output: output,
        cache_hit: cacheHit,
        cache_miss: cacheMiss,
      },
      response_stats: {},
      batch_stats: [],
      memory_usage: [],
    };
  }

  #tallyOf(slot: string, version: string): Tally {
    const key = `${slot}/${version}`;
    const known = this.#tallies.get(key);
    if (known) return known;
    const tally = {
      lastMs: 0,
      rows: 0,
      executions: 0,
      success: newDuration(),
      fail: newDuration(),
      queue: newDuration(),
      input: newDuration(),
      infer: newDuration(),
      output: newDuration(),
      cacheHit: newDuration(),
      cacheMiss: newDuration(),
    };
    this.#tallies.set(key, tally);
    return tally;
  }
}

function newDuration(): Duration {
  return { count: 0, ns: 0 };
}

function add(duration: Duration, ns: number): void {
  duration.count += 1;
  duration.ns += Math.max(0, Math.round(ns));
}
