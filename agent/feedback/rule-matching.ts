/** What the feedback rules of a slot conclude from what was seen, or not seen, about a part. Pure. */
import type { FeedbackRule } from '../config/schema.ts';
import type { LineEvent } from '../sources/source.ts';

export type EventRule = Extract<FeedbackRule, { when: 'event' }>;
export type AbsenceRule = Extract<FeedbackRule, { when: 'absence' }>;

/** A prediction as far as a rule looks at it. */
export interface Judged {
  readonly timeMs: number;
  readonly run: string;
  readonly correlationId: string | null;
}

export function eventRules(rules: readonly FeedbackRule[], kind: string): EventRule[] {
  return rules.filter((rule): rule is EventRule => rule.when === 'event' && rule.event === kind);
}

export function absenceRules(rules: readonly FeedbackRule[]): AbsenceRule[] {
  return rules.filter((rule): rule is AbsenceRule => rule.when === 'absence');
}

/**
 * Where to look for the event whose absence a rule waits for. It reaches back as far as forward, because clocks of line
 * and device differ, and no further, because a line may use part numbers again.
 */
export function absenceWindow(rule: AbsenceRule, timeMs: number): { fromMs: number; toMs: number } {
  return { fromMs: timeMs - rule.withinMs, toMs: timeMs + rule.withinMs };
}

/**
 * Whether silence about this prediction means anything: nothing happened only if somebody was listening until the deadline.
 * @param listening this run of the agent, and how far an earlier one had come with its absence rules (wall clock, ms)
 */
export function silenceCounts(
  rule: AbsenceRule,
  prediction: Judged,
  listening: { run: string; earlierUntilMs: number },
): boolean {
  if (prediction.correlationId === null) return false;
  return prediction.run === listening.run || prediction.timeMs + rule.withinMs <= listening.earlierUntilMs;
}

export function eventEvidence(event: LineEvent): string {
  return cut(event.station ? `${event.kind} at ${event.station}` : event.kind);
}

export function absenceEvidence(rule: AbsenceRule): string {
  return cut(`no ${rule.event} within ${rule.withinMs} ms`);
}

/** The wire holds evidence of up to 256 characters. */
function cut(text: string): string {
  return text.length > 256 ? `${text.slice(0, 255)}…` : text;
}
