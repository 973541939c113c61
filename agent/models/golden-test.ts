/** The self-test of a model on this device: does it answer its golden samples as it did where it was trained? */
import { type Golden, goldenSchema, type Manifest } from '../../protocol/manifest.ts';
import { firstIssues } from '../../protocol/messages.ts';
import { agentError } from '../errors.ts';
import type { Trial } from '../inference/engine.ts';
import { deadlineMs } from './deadline.ts';
import { goldenBatch, goldenProblem } from './golden-batch.ts';

/**
 * @param bytes of the package's golden file
 * @throws CodedError GOLDEN_SAMPLES_FAILED when the file does not fit the manifest
 */
export function parseGolden(manifest: Manifest, bytes: Uint8Array): Golden {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (cause) {
    throw agentError('GOLDEN_SAMPLES_FAILED', `${manifest.golden.file} is not JSON`, { cause });
  }
  const parsed = goldenSchema.safeParse(value);
  if (!parsed.success) {
    throw agentError('GOLDEN_SAMPLES_FAILED', `${manifest.golden.file}: ${firstIssues(parsed.error)}`);
  }
  for (const [i, sample] of parsed.data.samples.entries()) {
    const problem = goldenProblem(manifest, sample);
    if (problem !== null) throw agentError('GOLDEN_SAMPLES_FAILED', `golden sample ${i} ${problem}`);
  }
  return parsed.data;
}

/** Small batches, for what a batch of all would need of the memory. */
const ROWS_AT_ONCE = 32;

/**
 * Runs all golden samples of a loaded model.
 * @param rowMs measured time of one row: what takes many times as long hangs
 * @throws CodedError GOLDEN_SAMPLES_FAILED naming the worst difference; errors of `Trial.run`
 */
export async function runGoldenTest(
  run: Trial['run'],
  manifest: Manifest,
  golden: Golden,
  rowMs?: number,
): Promise<void> {
  let worst = { difference: 0, sample: 0, expected: 0, got: 0 };
  for (let first = 0; first < golden.samples.length; first += ROWS_AT_ONCE) {
    const slice = golden.samples.slice(first, first + ROWS_AT_ONCE);
    const options = { once: true, timeoutMs: deadlineMs(rowMs, slice.length) };
    const { output, width, unreadable = [] } = await run(goldenBatch(manifest, slice), options);
    for (const [row, reason] of unreadable) {
      throw agentError('GOLDEN_SAMPLES_FAILED', `golden sample ${first + row} is no picture: ${reason}`);
    }
    for (const [row, { output: expectedRow }] of slice.entries()) {
      for (const [k, expected] of expectedRow.entries()) {
        const got = output[row * width + k] ?? Number.NaN;
        const difference = Math.abs(got - expected);
        if (!(difference <= worst.difference)) worst = { difference, sample: first + row, expected, got };
      }
    }
  }
  if (worst.difference <= manifest.golden.tolerance) return;
  throw agentError(
    'GOLDEN_SAMPLES_FAILED',
    `golden sample ${worst.sample} gave ${worst.got}, not ${worst.expected}: off by ${worst.difference.toPrecision(3)}, ` +
      `tolerance ${manifest.golden.tolerance}`,
    {
      hint: 'The model was made for another runtime or damaged; publish it again from where it was trained.',
    },
  );
}
