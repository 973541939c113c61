/** What every benchmark returns, and the small statistics that they share. */

export interface BenchResult {
  readonly name: string;
  /** Ours against the baseline, measured in the same run. */
  readonly ratios: Record<string, number>;
  /** Absolute figures of this machine; the name carries the unit. */
  readonly figures: Record<string, number>;
  /** What the ratios are against, in words. */
  readonly baseline: string;
}

export interface BenchOptions {
  /** How long a bench looks at memory that should not grow. */
  readonly soakMinutes: number;
}

/** @param q quantile, 0..1 */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

const PACED = { calls: 1000, everyMs: 5 };

/** Calls `each` 200 times a second, for 5 s. */
export async function paced(each: (i: number) => Promise<void>): Promise<void> {
  for (let i = 0; i < PACED.calls; i++) {
    await each(i);
    await new Promise((next) => setTimeout(next, PACED.everyMs));
  }
}
