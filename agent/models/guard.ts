/** Watches how one model does in one slot: whether its trial is done, and whether a guardrail is broken. Pure. */
import type { SlotConfig } from '../config/schema.ts';
import { RecentTimes } from './recent-times.ts';

export type Verdict = { kind: 'wait' } | { kind: 'commit' } | { kind: 'fail'; reason: string };

export interface GuardLimits
  extends Pick<SlotConfig['probation'], 'predictions' | 'forMs' | 'maxErrorRate' | 'maxSlowdown'> {
  /** The slot's budget for one row; undefined: none. */
  readonly latencyP99Ms?: number | undefined;
}

/** `unreadable`: samples that came, and that the model cannot take as its input. */
export type Outcome = 'ok' | 'error' | 'unreadable';

const WAIT: Verdict = { kind: 'wait' };
/** A committed model goes when it fails this often with no success between. */
const FAILURES_IN_A_ROW = 10;
/** Deaths of the engine within `DEATHS_MS` that someone outside caused (or the kernel, for lack of memory). */
const KILLS = 3;
const DEATHS_MS = 60_000;
/** The 99th percentile is over the budget when more runs than this share are. */
const MAX_SLOW_SHARE = 0.01;
/** Medians are compared after so many runs, and where the newcomer's is more than a line can overlook. */
const RUNS_FOR_MEDIAN = 20;
const SLOW_MS = 10;
/** Samples that came and gave no prediction, where they are the more part of all. */
const SILENT_SAMPLES = 20;

export class Guard {
  readonly #limits: GuardLimits;
  readonly #sinceMs: number;
  /** Median time a row of the champion before; null when nobody knows. */
  readonly #beforeMs: number | null;
  readonly #times = new RecentTimes();
  #seen = 0;
  #errors = 0;
  #errorsInARow = 0;
  #unreadable = 0;
  #runs = 0;
  #slowRuns = 0;
  #deathsMs: number[] = [];
  #fatal: string | undefined;

  /** @param nowMs monotonic */
  constructor(limits: GuardLimits, nowMs: number, beforeMs: number | null = null) {
    this.#limits = limits;
    this.#sinceMs = nowMs;
    this.#beforeMs = beforeMs;
  }

  /** @param computeUs time inside the engine of the batch of `count` rows; where it is known */
  observe(outcome: Outcome, count: number, computeUs?: number): void {
    if (outcome === 'unreadable') {
      this.#unreadable += count;
      return;
    }
    this.#seen += count;
    if (outcome === 'error') {
      this.#errors += count;
      this.#errorsInARow += count;
      return;
    }
    this.#errorsInARow = 0;
    if (computeUs === undefined || count === 0) return;
    const rowMs = computeUs / 1000 / count;
    this.#runs += 1;
    if (rowMs > (this.#limits.latencyP99Ms ?? Number.POSITIVE_INFINITY)) this.#slowRuns += 1;
    this.#times.add(rowMs);
  }

  /** The engine died while it worked for this model. A crash or a hang is the model's; a kill may be anybody's. */
  engineDied(cause: 'crash' | 'killed' | 'hang', nowMs: number): void {
    this.#deathsMs = [...this.#deathsMs.filter((ms) => nowMs - ms <= DEATHS_MS), nowMs];
    if (cause === 'crash') this.#fatal = 'the engine crashed while it ran this model';
    if (cause === 'hang') this.#fatal = 'the engine hung while it ran this model';
    if (this.#deathsMs.length >= KILLS) this.#fatal = `the engine died ${KILLS} times within a minute`;
  }

  /** Of the time a row in the runs of late, milliseconds; null before there are enough. */
  medianMs(): number | null {
    return this.#runs < RUNS_FOR_MEDIAN ? null : this.#times.median();
  }

  /** For a champion on probation, a challenger (which ignores `commit`), or a newcomer that looks on. */
  trialVerdict(nowMs: number): Verdict {
    const reason = this.#fatal ?? this.#errorReason() ?? this.#silenceReason() ?? this.#slownessReason();
    if (reason !== undefined) return { kind: 'fail', reason };
    const { predictions, forMs } = this.#limits;
    return this.#seen >= predictions && nowMs - this.#sinceMs >= forMs ? { kind: 'commit' } : WAIT;
  }

  /** For a committed champion. */
  steadyVerdict(): Verdict {
    if (this.#fatal) return { kind: 'fail', reason: this.#fatal };
    if (this.#errorsInARow < FAILURES_IN_A_ROW) return WAIT;
    return { kind: 'fail', reason: `${this.#errorsInARow} errors in a row` };
  }

  /** Judged as if the trial were full already: one error in the first three samples is no reason to go back. */
  #errorReason(): string | undefined {
    const { predictions, maxErrorRate } = this.#limits;
    const tooMany = this.#errors > maxErrorRate * Math.max(this.#seen, predictions);
    return tooMany ? `${this.#errors} errors in ${this.#seen} predictions` : undefined;
  }

  #silenceReason(): string | undefined {
    const silent = this.#unreadable >= SILENT_SAMPLES && this.#unreadable > this.#seen;
    return silent
      ? `it can read ${this.#seen} of ${this.#seen + this.#unreadable} samples of this line`
      : undefined;
  }

  #slownessReason(): string | undefined {
    const { predictions, latencyP99Ms, maxSlowdown } = this.#limits;
    if (this.#slowRuns > MAX_SLOW_SHARE * Math.max(this.#runs, predictions)) {
      return `${this.#slowRuns} of ${this.#runs} batches took longer than the ${latencyP99Ms} ms a row that this slot allows`;
    }
    // Now and then is enough: the median moves slowly.
    if (this.#beforeMs === null || this.#runs === 0 || this.#runs % RUNS_FOR_MEDIAN !== 0) return undefined;
    const median = this.#times.median();
    if (median <= SLOW_MS || median <= maxSlowdown * this.#beforeMs) return undefined;
    return `a row takes ${median.toPrecision(3)} ms, ${(median / this.#beforeMs).toFixed(0)} times as long as with the model before`;
  }
}
