/** From the outputs of a batch to the predictions that are recorded: who decided, and what the other one saw. */
import type { EngineResult } from '../inference/engine.ts';
import type { ActiveModel, SlotModels } from '../models/active-models.ts';
import type { NewPrediction } from '../store/records.ts';
import { challengerDecides } from './assign.ts';
import type { Decider } from './decider.ts';
import type { LaneBatch } from './lane-batch.ts';

export interface LaneResult {
  readonly champion: EngineResult;
  /** Null when there is no challenger, or it failed. */
  readonly challenger: { readonly result: EngineResult; readonly doneUs: number } | null;
  readonly championDoneUs: number;
  /** When the decision was made. Monotonic, as `Item.acceptedUs`. */
  readonly decidedUs: number;
}

/**
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
): NewPrediction[] {
  const { champion, challenger } = models;
  const width = batch.champion.data.length / Math.max(1, batch.champion.rows);
  return batch.items.map((item, i) => {
    const { sample, acceptedUs } = item;
    const row = batch.champion.data.subarray(i * width, (i + 1) * width);
    const own = {
      model: champion.manifestSha256,
      ...deciderOf(champion).decide(result.champion.output, i),
      latencyUs: Math.max(0, result.championDoneUs - acceptedUs),
    };
    const at = batch.challenger?.rowOf[i] ?? -1;
    const other =
      challenger && result.challenger && at >= 0
        ? {
            model: challenger.model.manifestSha256,
            ...deciderOf(challenger.model).decide(result.challenger.result.output, at),
            latencyUs: Math.max(0, result.challenger.doneUs - acceptedUs),
          }
        : null;
    const key = item.request?.key ?? sample.correlationId ?? `#${item.number}`;
    const isCanary = challenger && other && challengerDecides(challenger.rolloutId, key, challenger.share);
    const [deciding, shadow] = isCanary ? [other, own] : [own, other];
    return {
      timeMs: sample.timeMs,
      slot,
      role: isCanary ? 'canary' : 'champion',
      correlationId: sample.correlationId,
      health: healthOf(row, sample.timeMs),
      features: keepFeatures && row instanceof Float32Array ? row : null,
      ...deciding,
      latencyUs: Math.max(0, result.decidedUs - acceptedUs),
      shadow,
    };
  });
}
