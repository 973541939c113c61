/** What a window of samples says of one feature, in a fixed number of sums: those of several windows or devices add up. Pure. */

export interface FeatureStatistics {
  /** Samples that had a value. */
  readonly samples: number;
  /** Of them in each bin of the baseline. */
  readonly counts: readonly number[];
  /** In baseline standard deviations from the baseline's mean. */
  readonly mean: number;
  /** Of neighbouring samples, about -1..1; 1 for a constant, and near it for a signal that hardly moves. */
  readonly autocorrelation: number;
  /** Samples without a value. */
  readonly missing: number;
}

/** How many independent samples a window of alike neighbours is worth: n (1 - r) / (1 + r), as for a first-order process. */
export function effectiveSamples(statistics: Pick<FeatureStatistics, 'samples' | 'autocorrelation'>): number {
  const { samples, autocorrelation } = statistics;
  const r = Math.min(1, Math.max(0, autocorrelation));
  return Math.max(1, (samples * (1 - r)) / (1 + r));
}

/** Of windows over the same bins; the order does not matter. */
export function mergeStatistics(windows: readonly FeatureStatistics[]): FeatureStatistics {
  const samples = windows.reduce((sum, window) => sum + window.samples, 0);
  const weighted = (of: (window: FeatureStatistics) => number) =>
    samples > 0 ? windows.reduce((sum, each) => sum + of(each) * each.samples, 0) / samples : 0;
  const bins = Math.max(0, ...windows.map(({ counts }) => counts.length));
  return {
    samples,
    counts: Array.from({ length: bins }, (_, bin) =>
      windows.reduce((sum, { counts }) => sum + (counts[bin] ?? 0), 0),
    ),
    mean: weighted(({ mean }) => mean),
    autocorrelation: weighted(({ autocorrelation }) => autocorrelation),
    missing: windows.reduce((sum, { missing }) => sum + missing, 0),
  };
}
