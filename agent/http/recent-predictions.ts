/** The predictions that the status page shows of a slot, and how many of them wait for a person. */
import type { Decision } from '../../protocol/manifest.ts';
import type { Clock } from '../clock.ts';
import type { FeedbackRule } from '../config/feedback.ts';
import type { DeviceConfig } from '../config/schema.ts';
import type { ActiveModels } from '../models/active-models.ts';
import type { StoredPrediction } from '../store/records.ts';
import type { Store } from '../store/store.ts';
import type { PredictionView, SlotView } from './view.ts';

interface Parts {
  readonly config: Pick<DeviceConfig, 'slots'>;
  readonly models: ActiveModels;
  readonly store: Pick<Store, 'predictions'>;
  readonly clock: Pick<Clock, 'wallMs'>;
}

/** On a fast line the newest are not yet labelled, and few of them matter: the notable ones are shown beside them. */
const NEWEST = 10;
const NOTABLE = 8;

/** How long after its rules should have spoken a part still has time, and when nobody will look for it any more. */
const PATIENCE_MS = 10_000;
const FORGOTTEN_AFTER_MS = 15 * 60_000;

/** Newest first, each once: the newest, the newest raised, and the newest that turned out otherwise. */
export function recentPredictions(parts: Parts, slot: string): PredictionView[] {
  const { predictions } = parts.store;
  const decision = parts.models.of(slot)?.champion.manifest.output.decision;
  const chosen = [
    ...predictions.recent(slot, NEWEST),
    ...predictions.notable({ slot, raised: (each) => isRaised(decision, each), limit: NOTABLE }),
  ];
  const unique = new Map(chosen.map((prediction) => [prediction.seq, prediction]));
  return [...unique.values()]
    .sort((a, b) => b.seq - a.seq)
    .map((prediction) => predictionView(parts, prediction));
}

/**
 * Of the recent ones, parts that the model raised and that only a person can answer: the rules of a slot that has any
 * had their time. Only a model with a threshold raises parts.
 */
export function unansweredOf(
  { config, models, clock }: Parts,
  { slot, labels, recent }: Pick<SlotView, 'slot' | 'labels' | 'recent'>,
): number {
  const kind = models.of(slot)?.champion.manifest.output.decision.kind;
  if (kind !== 'threshold' && kind !== 'anomaly') return 0;
  const afterMs = rulesTakeMs(config.slots[slot]?.feedback ?? []);
  return recent.filter(({ label, truth, timeMs }) => {
    const ageMs = clock.wallMs() - timeMs;
    return label === labels[1] && truth === null && ageMs >= afterMs && ageMs < FORGOTTEN_AFTER_MS;
  }).length;
}

function rulesTakeMs(rules: readonly FeedbackRule[]): number {
  if (rules.length === 0) return 0;
  return PATIENCE_MS + Math.max(0, ...rules.map((rule) => (rule.when === 'absence' ? rule.withinMs : 0)));
}

function predictionView({ models, store }: Parts, prediction: StoredPrediction): PredictionView {
  const decision = decisionOf(models, prediction);
  const labels = decision?.labels ?? [];
  const word = (index: number) => labels[index] ?? `label ${index}`;
  const truth = store.predictions.labelOf(prediction.seq);
  return {
    id: prediction.id,
    timeMs: prediction.timeMs,
    correlationId: prediction.correlationId,
    role: prediction.role,
    label: word(prediction.label),
    score: prediction.score,
    unit: decision && 'unit' in decision ? decision.unit : null,
    raised: isRaised(decision, prediction),
    health: prediction.health,
    explored: prediction.explored,
    truth: truth ? { label: word(truth.label), kind: truth.kind, evidence: truth.evidence } : null,
  };
}

/** Of the model that spoke where it is still loaded; a slot's models share their labels otherwise. */
function decisionOf(models: ActiveModels, prediction: StoredPrediction): Decision | undefined {
  const active = models.of(prediction.slot);
  const challenger = active?.challenger?.model;
  const model = challenger?.manifestSha256 === prediction.model ? challenger : active?.champion;
  return model?.manifest.output.decision;
}

/** Whatever is not the first of two labels; where a model chooses among many, what it is unsure of. A band is no alarm. */
function isRaised(
  decision: Decision | undefined,
  { label, score }: { label: number; score: number },
): boolean {
  switch (decision?.kind) {
    case 'bands':
      return false;
    case 'argmax':
      return decision.labels.length > 2 ? score < 0.5 : label !== 0;
    default:
      return label !== 0;
  }
}
