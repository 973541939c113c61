/** Asks the engine for the rows of a block: many at once, and one by one only around a row that the model cannot answer. */

import type { Engine } from '../../agent/inference/engine.ts';
import type { Decider } from '../../agent/pipeline/decider.ts';
import { codeOf } from '../../protocol/errors.ts';
import type { BlockRows } from './block-rows.ts';
import type { OpenPlan } from './plan.ts';

export interface BlockAnswers {
  /** Values a row of `outputs`. */
  readonly width: number;
  /** Row-major, in the order of `BlockRows.places`. */
  readonly outputs: Float32Array;
  /** Index of a row -> why the model gave nothing usable. */
  readonly refused: ReadonlyMap<number, { readonly code: string; readonly reason: string }>;
}

/** @throws CodedError ENGINE_CRASHED, ENGINE_TIMEOUT: the model ends its engine */
export async function askEngine(
  engine: Pick<Engine, 'run'>,
  { model, batchRows }: OpenPlan,
  rows: BlockRows,
): Promise<BlockAnswers> {
  const { decision } = model.manifest.output;
  const width = decision.kind === 'argmax' ? decision.labels.length : 1;
  const outputs = new Float32Array(rows.places.length * width);
  const refused = new Map<number, { code: string; reason: string }>();
  const ask = async (first: number, count: number): Promise<void> => {
    try {
      const data = rows.data(first, count);
      const { output, unreadable = [] } = await engine.run(model.manifestSha256, { rows: count, data });
      outputs.set(output, first * width);
      for (const [row, reason] of unreadable) refused.set(first + row, { code: 'SAMPLE_INVALID', reason });
    } catch (error) {
      if (codeOf(error) !== 'ENGINE_OUTPUT_INVALID') throw error;
      if (count === 1) {
        refused.set(first, { code: codeOf(error), reason: String((error as Error).message) });
        return;
      }
      const half = Math.ceil(count / 2);
      await Promise.all([ask(first, half), ask(first + half, count - half)]);
    }
  };
  const asked: Promise<void>[] = [];
  for (let first = 0; first < rows.places.length; first += batchRows) {
    asked.push(ask(first, Math.min(batchRows, rows.places.length - first)));
  }
  await Promise.all(asked);
  return { width, outputs, refused };
}

/** What a block gives, in the order of the input: each row either predicted or rejected. */
export interface AnsweredRow {
  /** Of the file, from 1. */
  readonly row: number;
  readonly key: string | null;
  readonly label: string;
  readonly score: number;
  /** Index of its output and kept values. */
  readonly at: number;
}

/** Where a block stands in the file. */
export interface BlockStart {
  /** Number in the file of its first row. */
  readonly firstRow: number;
  /** Holds the label of the row before; when all rows are given, that of the last one. */
  readonly decider: Decider;
}

export function* answeredRows(
  { model }: OpenPlan,
  rows: BlockRows,
  { outputs, refused }: BlockAnswers,
  { firstRow, decider }: BlockStart,
): Generator<AnsweredRow> {
  const { decision } = model.manifest.output;
  for (let at = 0; at < rows.places.length; at++) {
    if (refused.has(at)) continue;
    const { label, score } = decider.decide(outputs, at);
    yield {
      row: firstRow + (rows.places[at] as number),
      key: rows.keys[at] ?? null,
      label: decision.labels[label] ?? '',
      score,
      at,
    };
  }
}
