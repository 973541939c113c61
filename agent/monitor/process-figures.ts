/** What the agent's own process costs, and how late its event loop is. */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';

export interface ProcessFigures {
  readonly cpuSeconds: number;
  readonly rssBytes: number;
  readonly heapUsedBytes: number;
  /** Quantiles over the last whole period, seconds; null in the first. */
  readonly eventLoopDelayS: { readonly p50: number; readonly p99: number; readonly max: number } | null;
}

/** A late timer is noticed in steps of this. */
const RESOLUTION_MS = 10;
const PERIOD_MS = 10_000;

export class ProcessMonitor {
  readonly #delay: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #last: ProcessFigures['eventLoopDelayS'] = null;
  #timer: NodeJS.Timeout | undefined;

  start(): void {
    this.#delay.enable();
    this.#timer = setInterval(() => this.takePeriod(), PERIOD_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#delay.disable();
  }

  /** Ends a period: what is told from now on is of the time before. */
  takePeriod(): void {
    // The histogram holds the whole interval between two turns of its timer; what is over that is delay.
    const seconds = (ns: number) => Math.max(0, ns / 1e9 - RESOLUTION_MS / 1e3);
    const { count, max } = this.#delay;
    if (count === 0) return;
    const at = (percent: number) => seconds(this.#delay.percentile(percent));
    this.#last = { p50: at(50), p99: at(99), max: seconds(max) };
    this.#delay.reset();
  }

  figures(): ProcessFigures {
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed } = process.memoryUsage();
    return {
      cpuSeconds: (user + system) / 1e6,
      rssBytes: rss,
      heapUsedBytes: heapUsed,
      eventLoopDelayS: this.#last,
    };
  }
}
