/** Which predictions the page keeps in view: those that need an eye first, the latest after them, still under the finger. */
import type { PredictionView } from '../http/view.ts';

export const KEPT_ATTENTION = 6;
export const KEPT_LATEST = 6;
/** Of those that need an eye, as many may be ones that turned out otherwise, however many newer ones were raised. */
const KEPT_OTHERWISE = 3;

/** By bit of INPUT_HEALTH. Drift is left out: it is no fault of one part, and the drift panel tells it. */
const HEALTH_WORDS = [
  'an input is missing',
  'an input is out of range',
  'an input is stale',
  'an input is stuck',
];

/** Why a person should look at a prediction; undefined when nothing is special about it. */
export function attentionReason(prediction: PredictionView, labels: readonly string[]): string | undefined {
  const { truth } = prediction;
  if (truth?.kind === 'explicit') return undefined;
  if (isOtherwise(prediction)) return 'the line says otherwise';
  const health = HEALTH_WORDS.find((_, bit) => (prediction.health & (1 << bit)) !== 0);
  if (health) return health;
  if (!prediction.raised) return undefined;
  if (labels.length > 2) return truth ? 'though unsure' : 'the model is unsure';
  return truth ? 'as raised' : 'the model raises it';
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
  const eye = worthALook(byNewest.filter((prediction) => attentionReason(prediction, labels)));
  const shown = new Set(eye.map((prediction) => prediction.id));
  return {
    attention: eye,
    latest: recent.filter((prediction) => !shown.has(prediction.id)).slice(0, KEPT_LATEST),
  };
}

/** @param byNewest those with a reason */
function worthALook(byNewest: readonly PredictionView[]): PredictionView[] {
  const otherwise = byNewest.filter(isOtherwise).slice(0, KEPT_OTHERWISE);
  const others = byNewest.filter((prediction) => !otherwise.includes(prediction));
  const chosen = new Set([...otherwise, ...others].slice(0, KEPT_ATTENTION));
  return byNewest.filter((prediction) => chosen.has(prediction));
}

function isOtherwise({ truth, label }: PredictionView): boolean {
  return truth?.kind === 'implicit' && truth.label !== label;
}
