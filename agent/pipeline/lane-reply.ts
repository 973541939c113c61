/** From the outputs of a batch to the answers of the requests that travelled in it. Pure. */
import { concatenate, type NamedTensor } from '../inference/tensor.ts';
import type { SlotModels } from '../models/active-models.ts';
import type { NewPrediction } from '../store/records.ts';
import type { Asked } from './ask.ts';
import { type Decided, topLabels } from './decide.ts';
import type { LaneBatch } from './lane-batch.ts';
import type { LaneResult } from './lane-decision.ts';
import type { LaneRequest } from './lane-request.ts';

export interface Reply {
  readonly request: LaneRequest;
  /** Where its predictions begin among those of the batch that are recorded. */
  readonly first: number;
  readonly asked: Asked;
}

/** @param predictions one an item of the batch; null: there is none */
export function repliesOf(
  models: SlotModels,
  batch: LaneBatch,
  result: LaneResult,
  predictions: readonly (NewPrediction | null)[],
): Reply[] {
  const replies: Reply[] = [];
  let first = 0;
  for (let i = 0; i < batch.items.length; i++) {
    if (!predictions[i]) continue;
    first += 1;
    const request = batch.items[i]?.request;
    if (!request) continue;
    const own = predictions.slice(i, i + request.rows).filter((prediction) => prediction !== null);
    const role = own[0]?.role === 'canary' ? 'canary' : 'champion';
    const isCanary = role === 'canary' && models.challenger && result.challenger;
    const { manifest, manifestSha256 } = isCanary ? models.challenger.model : models.champion;
    const { output, width, computeUs, extras } = isCanary ? result.challenger.result : result.champion;
    const row = isCanary ? (batch.challenger?.rowOf[i] ?? 0) : i;
    const { decision } = manifest.output;
    const topK = decision.kind === 'argmax' ? decision.topK : undefined;
    const named = ({ label, score }: Decided) => ({ label: decision.labels[label] ?? '', score });
    const topOf = (at: number) =>
      topLabels(output.subarray((row + at) * width, (row + at + 1) * width), topK ?? 1);
    replies.push({
      request,
      first: first - 1,
      asked: {
        model: manifestSha256,
        version: manifest.version,
        role,
        output: output.subarray(row * width, (row + request.rows) * width),
        width,
        ...(extras && { extras: joinedExtras(extras.slice(row, row + request.rows)) }),
        decisions: own.map((decided, at) => ({
          ...named(decided),
          ...(decided.explored ? { explored: true as const } : {}),
          ...(topK === undefined ? {} : { top: topOf(at).map(named) }),
        })),
        predictionIds: null,
        queueUs: request.startedUs - request.acceptedUs,
        computeUs,
        batchRows: batch.champion.rows,
      },
    });
    i += request.rows - 1;
    first += request.rows - 1;
  }
  return replies;
}

/** What the rows of a request have of each output, as one tensor. */
function joinedExtras(rows: readonly (readonly NamedTensor[])[]): NamedTensor[] {
  const [first = []] = rows;
  return first.map(({ name }) =>
    concatenate(rows.flatMap((row) => row.filter((each) => each.name === name))),
  );
}
