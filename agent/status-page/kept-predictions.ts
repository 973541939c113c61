/** Which predictions the page keeps in view: those that need an eye first, the latest after them, still under the finger. */
import type { PredictionView } from '../http/view.ts';

export const KEPT_ATTENTION = 6;
export const KEPT_LATEST = 8;

const HEALTH_WORDS = [
  'an input is missing',
  'an input is out of range',
  'an input is stale',
  'an input is stuck',
  'an input drifts',
];

/** Why a person should look at a prediction; undefined when nothing is special about it. */
export function attentionReason(prediction: PredictionView, labels: readonly string[]): string | undefined {
  const { truth } = prediction;
  if (truth?.kind === 'explicit') return undefined;
  if (truth && truth.label !== prediction.label) return 'the line says otherwise';
  const health = HEALTH_WORDS.find((_, bit) => (prediction.health & (1 << bit)) !== 0);
  if (health) return health;
  if (labels.length === 2 && prediction.label === labels[1] && !truth) return 'the model raises it';
  if (labels.length > 2 && prediction.score < 0.5 && !truth) return 'the model is unsure';
  return undefined;
}

export interface KeptPredictions {
  readonly attention: readonly PredictionView[];
  readonly latest: readonly PredictionView[];
}

/**
 * Takes the newest predictions into what is shown.
 * @param held true while a person is busy with the list: truths are filled in, but nothing moves
 */
export function keepPredictions(
  kept: KeptPredictions,
  recent: readonly PredictionView[],
  labels: readonly string[],
  held: boolean,
): KeptPredictions {
  const newer = new Map(recent.map((prediction) => [prediction.id, prediction]));
  const renewed = (list: readonly PredictionView[]) => list.map((old) => newer.get(old.id) ?? old);
  const attention = renewed(kept.attention);
  if (held) return { attention, latest: renewed(kept.latest) };
  const known = new Map([...attention, ...recent].map((prediction) => [prediction.id, prediction]));
  const byNewest = [...known.values()].sort((a, b) => b.timeMs - a.timeMs);
  const eye = byNewest.filter((prediction) => attentionReason(prediction, labels)).slice(0, KEPT_ATTENTION);
  const shown = new Set(eye.map((prediction) => prediction.id));
  return {
    attention: eye,
    latest: recent.filter((prediction) => !shown.has(prediction.id)).slice(0, KEPT_LATEST),
  };
}
