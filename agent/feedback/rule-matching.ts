/** What the feedback rules of a slot conclude from what was seen, or not seen, about a part. Pure. */
import type { AbsenceRule, EventRule, FeedbackRule } from '../config/feedback.ts';
import type { LineEvent } from '../sources/source.ts';

/** Kind of the event that somebody had a prediction open on the status page; it lasts as long as that. */
export const LOOKED_AT = 'looked-at';

/** A prediction as far as a rule looks at it. */
export interface Judged {
  readonly timeMs: number;
  readonly run: string;
  readonly correlationId: string | null;
}

/** Both ends included, ms since the Unix epoch. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The rules that an event of this kind, lasting so long, gives a label by. */
export function eventRules(
  rules: readonly FeedbackRule[],
  { kind, durationMs = 0 }: Pick<LineEvent, 'kind' | 'durationMs'>,
): EventRule[] {
  return rules.filter(
    (rule): rule is EventRule =>
      rule.when === 'event' &&
      rule.event === kind &&
      durationMs >= (rule.lasting?.atLeastMs ?? 0) &&
      durationMs <= (rule.lasting?.atMostMs ?? Number.POSITIVE_INFINITY),
  );
}

export function absenceRules(rules: readonly FeedbackRule[]): AbsenceRule[] {
  return rules.filter((rule): rule is AbsenceRule => rule.when === 'absence');
}

/** Whether an event that names its part came in the time that the rule asks for. Clocks of line and device differ: without `afterMs` it may come as much before the prediction as after it. */
export function isInTime(rule: EventRule, eventMs: number, predictedMs: number): boolean {
  const { afterMs, withinMs = Number.POSITIVE_INFINITY } = rule;
  const waitedMs = eventMs - predictedMs;
  return afterMs > 0 ? waitedMs >= afterMs && waitedMs <= withinMs : Math.abs(waitedMs) <= withinMs;
}

/**
 * Where to look for the event whose absence a rule waits for. It reaches back as far as forward, because clocks of line
 * and device differ, and no further, because a line may use part numbers again.
 */
export function absenceWindow(rule: AbsenceRule, timeMs: number): Span {
  return { fromMs: timeMs - rule.withinMs, toMs: timeMs + rule.withinMs };
}

/** Where to look for it among the events of a station that name no part. */
export function stationWindow({ withinMs, at }: AbsenceRule, timeMs: number): Span {
  return { fromMs: timeMs + (at?.afterMs ?? 0), toMs: timeMs + withinMs };
}

/** When the parts were judged that an event at a station can be about. */
export function judgedBefore(
  { afterMs, withinMs = 0 }: { readonly afterMs: number; readonly withinMs?: number | undefined },
  eventMs: number,
): Span {
  return { fromMs: eventMs - withinMs, toMs: eventMs - afterMs };
}

/**
 * The one of these predictions that an event at a station is about: the nearest to the middle of the span.
 * @returns `ambiguous` where another comes within `clearByMs` as near, undefined where there is none
 */
export function nearest<P extends { readonly timeMs: number }>(
  candidates: readonly P[],
  { fromMs, toMs }: Span,
  clearByMs: number,
): P | 'ambiguous' | undefined {
  const middleMs = (fromMs + toMs) / 2;
  const distance = (one: P) => Math.abs(one.timeMs - middleMs);
  const [best, rival] = candidates.toSorted((a, b) => distance(a) - distance(b));
  if (best && rival && distance(rival) - distance(best) < clearByMs) return 'ambiguous';
  return best;
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
  if (prediction.correlationId === null && !rule.at) return false;
  return prediction.run === listening.run || prediction.timeMs + rule.withinMs <= listening.earlierUntilMs;
}

/** Whether the truth can be seen of a part that was called so, or that went on by chance. */
export function canBeSeen(
  { seenFor }: FeedbackRule & { seenFor?: readonly string[] | undefined },
  prediction: { readonly label: number; readonly explored: boolean },
  labelIndex: (label: string) => number | undefined,
): boolean {
  return (
    seenFor === undefined ||
    prediction.explored ||
    seenFor.some((label) => labelIndex(label) === prediction.label)
  );
}
