/** What is told of drift, in words. Pure. */

import type { NewEvent } from '../store/records.ts';
import type { FeatureDrift, PairDrift } from './drift-monitor.ts';
import type { SourceChange } from './source-versions.ts';

type Told = Pick<NewEvent, 'kind' | 'severity' | 'message' | 'data'>;

/** A change of the source that is older has nothing to do with it. */
const RELATED_MS = 86_400_000;

/** @param change of the slot's source, the newest */
export function inputDrift(slot: string, drift: FeatureDrift, change: SourceChange | null): Told {
  const { feature, psi, jensenShannon, ks, drifting } = drift;
  return {
    kind: 'drift',
    severity: drifting ? 'warning' : 'info',
    message: drifting
      ? `${feature} of ${slot} no longer looks like the data that the model was trained on (PSI ${psi.toFixed(2)}).${sourceWords(drift, change)}`
      : `${feature} of ${slot} looks like the training data again.`,
    data: { feature, psi, jensenShannon, ks, drifting },
  };
}

function sourceWords({ sinceMs }: FeatureDrift, change: SourceChange | null): string {
  if (!change || sinceMs === null || sinceMs < change.timeMs || sinceMs - change.timeMs > RELATED_MS)
    return '';
  const minutes = Math.max(1, Math.round((sinceMs - change.timeMs) / 60_000));
  const after = minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
  return ` That was seen ${after} after ${change.source} changed from version ${change.from} to ${change.to}.`;
}

/** @param labels of the model, in the order of the shares */
export function labelDrift(slot: string, labels: readonly string[], drift: FeatureDrift): Told {
  const { shares, baselineShares, drifting, psi } = drift;
  const most = shares.reduce((best, _, i) => (changeAt(drift, i) > changeAt(drift, best) ? i : best), 0);
  const percent = (share: number | undefined) => `${(100 * (share ?? 0)).toFixed(1)}%`;
  return {
    kind: 'prediction-drift',
    severity: drifting ? 'warning' : 'info',
    message: drifting
      ? `The model of ${slot} says "${labels[most]}" for ${percent(shares[most])} of samples; on its training data it was ${percent(baselineShares[most])}.`
      : `The model of ${slot} says its labels as often as on its training data again.`,
    data: { psi, drifting },
  };
}

/** @param pairs that have shifted; none: all move as before again */
export function pairDrift(slot: string, pairs: readonly PairDrift[]): Told {
  const changeOf = ({ baseline, now }: PairDrift) => Math.abs(now - baseline);
  const [worst, ...others] = [...pairs].sort((a, b) => changeOf(b) - changeOf(a));
  if (!worst) {
    const message = `All inputs of ${slot} move together as in training again.`;
    return { kind: 'correlation-shift', severity: 'info', message, data: { pairs: 0 } };
  }
  const [a, b] = worst.features;
  const { baseline, now } = worst;
  const more =
    others.length > 0 ? ` And ${others.length} more ${others.length === 1 ? 'pair' : 'pairs'}.` : '';
  return {
    kind: 'correlation-shift',
    severity: 'warning',
    message: `${a} and ${b} of ${slot} no longer move together as they did in training (correlation ${now.toFixed(2)}, was ${baseline.toFixed(2)}).${more}`,
    data: { a, b, baseline, now, pairs: pairs.length },
  };
}

/** How much more often the label is said. */
function changeAt({ shares, baselineShares }: FeatureDrift, i: number): number {
  return (shares[i] ?? 0) - (baselineShares[i] ?? 0);
}
