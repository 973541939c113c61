/** The model of the config's folder: a slot runs it before a server ever spoke, or when it has nothing else. */
import { codeOf } from '../../protocol/errors.ts';
import type { SlotConfig } from '../config/schema.ts';
import { checkBudget } from './budget-test.ts';
import { adviceOf, type EventWords, refusal, wordsOf } from './model-events.ts';
import type { ModelLibrary } from './model-library.ts';
import type { SlotRow } from './slot-row.ts';

export interface ConfiguredModelDeps {
  readonly config: Pick<SlotConfig, 'model' | 'batch' | 'budget'>;
  readonly library: ModelLibrary;
  readonly row: SlotRow;
  readonly problem: (code: string, words: string) => void;
  readonly tell: (events: readonly EventWords[]) => void;
}

/**
 * Verifies it, tests it and puts it to work, unless the slot runs it already.
 * @param runsOther the slot has a model that it may go on with
 * @throws what verifying, testing or writing it down threw
 */
export async function useConfigured(
  { config, library, row, problem }: ConfiguredModelDeps,
  runsOther: boolean,
): Promise<void> {
  const { manifestSha256: model, files } = await library.identify(config.model);
  if (runsOther && row.state.configured === model) return;
  await library.stage(model, files);
  const figures = await library.test(model, { budget: {}, maxRows: config.batch.maxRows });
  row.apply({ kind: 'configured', model });
  row.apply({ kind: 'measured', model, figures });
  try {
    checkBudget(figures, config.budget);
  } catch (error) {
    // Better a model that is slow than none: whoever wrote this budget has named this model beside it.
    problem(codeOf(error), `the model of the config runs all the same: ${wordsOf(error)}`);
  }
}

/** Says why the slot does not run it. */
export function tellUnusable({ config, problem, tell }: ConfiguredModelDeps, error: unknown): void {
  problem(codeOf(error), `the model of the config does not run: ${adviceOf(error)}`);
  tell([refusal(null, config.model, adviceOf(error))]);
}
