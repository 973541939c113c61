/** What drift is measured against: the baseline of a package, in the order of its model's inputs. */
import type { BaselineProfile, Manifest } from '../../protocol/manifest.ts';
import { featuresOf } from './input-health.ts';

export interface WatchedFeature {
  readonly name: string;
  readonly mean: number;
  readonly std: number;
  /** Ascending inner cut points; one less than there are shares. */
  readonly edges: readonly number[];
  readonly shares: readonly number[];
  /** Its bins have no order. */
  readonly categorical: boolean;
}

export interface Watched {
  /** Rows that the baseline was made from. */
  readonly rows: number;
  readonly features: readonly WatchedFeature[];
  /** Of each pair (upper triangle, row by row); NaN where the baseline does not know it. Empty: no pair is watched. */
  readonly correlations: readonly number[];
}

export function watchedInputs(manifest: Manifest, baseline: BaselineProfile): Watched {
  const inputs = featuresOf(manifest);
  const known = new Map(baseline.features.map((feature, i) => [feature.name, i]));
  const features = inputs.map(({ name, categories }) => {
    const profile = baseline.features[known.get(name) ?? -1];
    return { ...(profile ?? unknown(name)), categorical: categories !== undefined };
  });
  const places = inputs.map(({ name }) => known.get(name));
  const correlations = baseline.correlations
    ? places.flatMap((a, i) => places.slice(i + 1).map((b) => correlationOf(baseline, a, b)))
    : [];
  return { rows: baseline.rows, features, correlations };
}

/** The shares of the labels that the model says: as one category, so that they are judged like an input. */
export function watchedLabels(baseline: BaselineProfile): Watched {
  const { rows, labelShares } = baseline;
  // Half a count a label, as the shares of inputs have it, so that a label that training never saw has a chance.
  const shares = labelShares.map((share) => (share * rows + 0.5) / (rows + 0.5 * labelShares.length));
  const mean = shares.reduce((sum, share, label) => sum + share * label, 0);
  const variance = shares.reduce((sum, share, label) => sum + share * (label - mean) ** 2, 0);
  const edges = shares.slice(1).map((_, label) => label + 0.5);
  const labels = { name: 'label', mean, std: Math.sqrt(variance), edges, shares, categorical: true };
  return { rows, features: [labels], correlations: [] };
}

/** A feature that the profile does not know is never called drifting: one bin holds everything. */
function unknown(name: string): Omit<WatchedFeature, 'categorical'> {
  return { name, mean: 0, std: 0, edges: [], shares: [1] };
}

function correlationOf(baseline: BaselineProfile, a: number | undefined, b: number | undefined): number {
  if (a === undefined || b === undefined) return Number.NaN;
  const [row, column] = a < b ? [a, b] : [b, a];
  const before = row * baseline.features.length - (row * (row + 1)) / 2;
  return baseline.correlations?.[before + column - row - 1] ?? Number.NaN;
}
