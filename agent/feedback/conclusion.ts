/** What a labeller worked out in one go. Its place moves only by `accept`, so that labels which could not be recorded come again. */
import { evidenceMs } from '../../protocol/labels/standing-label.ts';
import type { Feedback } from '../../protocol/records.ts';
import type { NewFeedback } from '../store/records.ts';

export interface Conclusion {
  readonly feedback: readonly NewFeedback[];
  /** There may be more to conclude at once. */
  readonly more: boolean;
  /** Call once the feedback is recorded. */
  readonly accept: () => void;
}

/** A source of labels. */
export interface Labeller {
  conclude(): Conclusion;
  /** Makes the accepted place durable. @throws CodedError STORE_* */
  save(): void;
}

export const NOTHING: Conclusion = { feedback: [], more: false, accept: () => {} };

/** Whether a rule has said the very same of the very same moment before: what was read again after a crash, or sent twice. */
export function isKnown(
  history: readonly Feedback[],
  { rule, label, withdrawn = false, observedMs = null, timeMs }: NewFeedback,
): boolean {
  return history.some(
    (said) =>
      said.rule === rule &&
      said.label === label &&
      said.withdrawn === withdrawn &&
      evidenceMs(said) === evidenceMs({ observedMs, timeMs }),
  );
}
