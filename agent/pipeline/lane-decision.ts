/** From the outputs of a batch to the predictions that are recorded: who decided, and what the other one saw. */
import { NO_TAGS } from '../../protocol/tags.ts';
import type { Exploration } from '../config/feedback.ts';
import type { EngineResult } from '../inference/engine.ts';
import type { ActiveModel, SlotModels } from '../models/active-models.ts';
import type { NewPrediction } from '../store/records.ts';
import { challengerDecides } from './assign.ts';
import type { Decider } from './decider.ts';
import { explorer } from './exploration.ts';
import type { LaneBatch } from './lane-batch.ts';
import type { Item } from './lane-item.ts';
import { isNearLimit } from './near-limit.ts';
import type { Rows } from './sample-validator.ts';

export interface LaneResult {
  readonly champion: EngineResult;
  /** Null when there is no challenger, or it failed. */
  readonly challenger: { readonly result: EngineResult; readonly doneUs: number } | null;
  readonly championDoneUs: number;
  /** When the decision was made. Monotonic, as `Item.acceptedUs`. */
  readonly decidedUs: number;
}

/**
 * @returns one an item; null where the engine could not read it, or its request is refused already
 * @param deciderOf in which the lane keeps what each of its models said last
 * @param healthOf INPUT_HEALTH bits of an item's row
 */
export function predictionsOf(
  slot: string,
  models: SlotModels,
  batch: LaneBatch,
  result: LaneResult,
  deciderOf: (model: ActiveModel) => Decider,
  healthOf: (row: Float32Array | Uint8Array, timeMs: number) => number,
  keepFeatures: boolean,
  exploration: Exploration | null,
): (NewPrediction | null)[] {
  const { champion, challenger } = models;
  const rowAt = rowsOf(batch.champion.data as Rows, batch.champion.rows, keepFeatures);
  const unreadable = unreadableOf(result.champion);
  const unseen = result.challenger && unreadableOf(result.challenger.result);
  const championDecider = deciderOf(champion);
  const challengerDecider = challenger && deciderOf(challenger.model);
  const chanceOf = (model: ActiveModel) => explorer(slot, exploration, model.manifest.output.decision.labels);
  const chanceByChampion = chanceOf(champion);
  const chanceByChallenger = challenger && chanceOf(challenger.model);
  const decidedBy = (i: number): Seen => {
    const { label, score } = championDecider.decide(result.champion.output, i);
    return { model: champion.manifestSha256, label, score, doneUs: result.championDoneUs };
  };
  const seenBeside = (i: number): Seen | null => {
    const at = batch.challenger?.rowOf[i] ?? -1;
    if (!challenger || !challengerDecider || !result.challenger || at < 0 || unseen?.has(at)) return null;
    const { label, score } = challengerDecider.decide(result.challenger.result.output, at);
    return { model: challenger.model.manifestSha256, label, score, doneUs: result.challenger.doneUs };
  };
  return batch.items.map((item, i) => {
    if (unreadable.has(i) || item.request?.settled) return null;
    const { sample, acceptedUs } = item;
    const row = rowAt(i);
    const own = decidedBy(i);
    const other = seenBeside(i);
    const isCanary =
      challenger &&
      other &&
      challengerDecides(challenger.rolloutId, keyOf(item), challenger.share) &&
      hasAsMuch(result);
    const deciding = isCanary ? other : own;
    const { decision } = (isCanary ? challenger.model : champion).manifest.output;
    const shadow = isCanary ? own : other;
    const chance = (isCanary && chanceByChallenger) || chanceByChampion;
    const { propensity, explored } = chance(deciding.label, () => partKeyOf(item));
    return {
      timeMs: sample.timeMs,
      slot,
      model: deciding.model,
      role: isCanary ? 'canary' : 'champion',
      correlationId: sample.correlationId,
      label: deciding.label,
      score: deciding.score,
      latencyUs: Math.max(0, result.decidedUs - acceptedUs),
      health: healthOf(row, sample.timeMs),
      unsure: isNearLimit(decision, deciding),
      tags: sample.tags ?? NO_TAGS,
      propensity,
      explored,
      features: keepFeatures && row instanceof Float32Array && row.length > 0 ? row : null,
      shadow: shadow && {
        model: shadow.model,
        label: shadow.label,
        score: shadow.score,
        latencyUs: Math.max(0, shadow.doneUs - acceptedUs),
      },
    };
  });
}

/** A challenger without an output that is asked for leaves the request to the champion. */
function hasAsMuch({ champion, challenger }: LaneResult): boolean {
  return (challenger?.result.extras?.[0]?.length ?? 0) >= (champion.extras?.[0]?.length ?? 0);
}

/** What one of the two models said of an item, and when. */
interface Seen {
  readonly model: string;
  readonly label: number;
  readonly score: number;
  readonly doneUs: number;
}

function keyOf({ request, sample, number }: Item): string {
  return request?.key ?? sample.correlationId ?? `#${number}`;
}

/** Each row for itself, unlike `keyOf`: the rows of a request are parts of their own. */
function partKeyOf({ sample, number }: Item): string {
  return sample.correlationId ?? `#${number} ${sample.timeMs}`;
}

/** Rows of at most this many values are quicker copied than looked at through a view of their own. */
const COPIED_WIDTH = 64;

/** Pictures and tensors have no values with names, which could be watched or kept. */
const NO_VALUES = new Float32Array(0);

/** @param keep whether a row is still looked at after the next one was asked for */
function rowsOf(data: Rows, rows: number, keep: boolean): (i: number) => Float32Array | Uint8Array {
  if (Array.isArray(data)) return () => NO_VALUES;
  const width = data.length / Math.max(1, rows);
  if (keep || width > COPIED_WIDTH || data instanceof Uint8Array) {
    return (i) => data.subarray(i * width, (i + 1) * width);
  }
  const row = new Float32Array(width);
  return (i) => {
    for (let k = 0; k < width; k++) row[k] = data[i * width + k] as number;
    return row;
  };
}

function unreadableOf({ unreadable = [] }: EngineResult): Set<number> {
  return new Set(unreadable.map(([row]) => row));
}
