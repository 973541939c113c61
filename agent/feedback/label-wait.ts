/** How long a slot's rules wait before they say "nothing happened": what is good is known so much later than what failed. Pure. */
import type { ReportedSlot } from '../../protocol/messages.ts';
import type { FeedbackRule } from '../config/feedback.ts';
import { absenceRules } from './rule-matching.ts';

/** The reports of slots with their label waits, so that the server does not judge by failures alone. */
export function withLabelWaits(
  reported: Readonly<Record<string, ReportedSlot>>,
  slots: Readonly<Record<string, { readonly feedback: readonly FeedbackRule[] }>>,
): Record<string, ReportedSlot> {
  return Object.fromEntries(
    Object.entries(reported).map(([slot, report]) => {
      const waits = absenceRules(slots[slot]?.feedback ?? []).map(({ withinMs }) => withinMs);
      return [slot, waits.length === 0 ? report : { ...report, labelsAfterMs: Math.max(...waits) }];
    }),
  );
}
