/** From the outputs of a batch to the predictions that are recorded: who decided, and what the other one saw. */
import type { EngineResult } from '../inference/engine.ts';
import type { ActiveModel, SlotModels } from '../models/active-models.ts';
import type { NewPrediction } from '../store/records.ts';
import { challengerDecides } from './assign.ts';
import type { Decider } from './decider.ts';
import { slicedRows } from './input-reader.ts';
import type { LaneBatch } from './lane-batch.ts';
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
  const unreadable = rowsOf(result.champion);
  const unseen = result.challenger && rowsOf(result.challenger.result);
  return batch.items.flatMap((item, i) => {
    if (unreadable.has(i)) return [];
    const { sample, acceptedUs } = item;
    const row = valuesOf(slicedRows(batch.champion.data as Rows, i * width, (i + 1) * width));
    const own = {
      model: champion.manifestSha256,
      ...deciderOf(champion).decide(result.champion.output, i),
      latencyUs: Math.max(0, result.championDoneUs - acceptedUs),
    };
    const at = batch.challenger?.rowOf[i] ?? -1;
    const other =
      challenger && result.challenger && at >= 0 && !unseen?.has(at)
        ? {
            model: challenger.model.manifestSha256,
            ...deciderOf(challenger.model).decide(result.challenger.result.output, at),
            latencyUs: Math.max(0, result.challenger.doneUs - acceptedUs),
          }
        : null;
    const key = sample.correlationId ?? `#${item.number}`;
    const isCanary = challenger && other && challengerDecides(challenger.rolloutId, key, challenger.share);
    const [deciding, shadow] = isCanary ? [other, own] : [own, other];
    return {
      timeMs: sample.timeMs,
      slot,
      role: isCanary ? 'canary' : 'champion',
      correlationId: sample.correlationId,
      health: healthOf(row, sample.timeMs),
      features: keepFeatures && row instanceof Float32Array && row.length > 0 ? row : null,
      ...deciding,
      latencyUs: Math.max(0, result.decidedUs - acceptedUs),
      shadow,
    };
  });
}

function rowsOf({ unreadable = [] }: EngineResult): Set<number> {
  return new Set(unreadable.map(([row]) => row));
}

const NO_VALUES = new Float32Array(0);

/** Pictures and tensors have no values with names, which could be watched or kept. */
function valuesOf(row: Rows): Float32Array | Uint8Array {
  return Array.isArray(row) ? NO_VALUES : row;
}
