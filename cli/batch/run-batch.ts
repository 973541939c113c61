/** One run of `andon batch`: the blocks of the input through the workers into the files, from where an earlier run ended. */
import { aboutRun } from './journal.ts';
import { openInput } from './open-input.ts';
import { OutputFiles } from './output-files.ts';
import type { BatchPlan } from './plan.ts';
import { Progress, type ProgressDeps } from './progress.ts';
import type { Counts } from './worker-messages.ts';
import { WorkerPool } from './worker-pool.ts';

export interface BatchResult {
  readonly counts: Counts;
  /** Rows that an earlier run had done. */
  readonly rowsBefore: number;
  readonly seconds: number;
}

export interface BatchOptions {
  readonly workers: number;
  readonly restart: boolean;
  readonly progress: ProgressDeps;
  /** An earlier run is gone on with. */
  readonly onResume: (rows: number, share: number) => void;
}

/** @throws CodedError INPUT_*, SOURCE_*, OUTPUT_EXISTS, BATCH_*, ENGINE_* */
export async function runBatch(asked: BatchPlan, options: BatchOptions): Promise<BatchResult> {
  const { plan, size, blocks } = await openInput(asked);
  const files = await OutputFiles.open(plan, aboutRun(asked), options.restart);
  const { inputAt, nextRow, lastLabel, counts: before, state } = files.progress;
  const { nowMs } = options.progress;
  const startedMs = nowMs();
  const shareOf = (at: number) => (size === 0 ? 1 : Math.min(1, at / size));
  if (before.rows > 0) options.onResume(before.rows, shareOf(inputAt));
  if (state === 'running') {
    // A window begins before the rows of a part: such a file is read from its start, the first part without a word.
    const isWindow = plan.model.manifest.input.kind === 'window';
    const pool = new WorkerPool(plan, isWindow ? 1 : options.workers);
    const progress = new Progress(options.progress, { share: shareOf(inputAt), rows: before.rows });
    try {
      await pool.start();
      const from = isWindow ? 0 : inputAt;
      const start = { firstRow: isWindow ? 1 : nextRow, labelBefore: lastLabel };
      const answers = pool.answers(blocks(from), start, ({ endsAt }) => endsAt <= inputAt);
      for await (const { block, answer } of answers) {
        if (block.endsAt <= inputAt) continue;
        await files.add(answer, block.endsAt, nowMs());
        progress.show(shareOf(block.endsAt), files.progress.counts.rows);
      }
      await files.finish();
    } finally {
      progress.end();
      await pool.stop();
      await files.close();
    }
  } else await files.finish();
  return { counts: files.progress.counts, rowsBefore: before.rows, seconds: (nowMs() - startedMs) / 1000 };
}
