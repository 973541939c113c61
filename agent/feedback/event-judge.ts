/** What one line event says of the predictions of one slot: which it is about, and which labels follow. */
import { type Evidence, evidenceMs, newestOfEachRule } from '../../protocol/labels/standing-label.ts';
import type { AbsenceRule, EventRule, FeedbackRule } from '../config/feedback.ts';
import type { LineEvent } from '../sources/source.ts';
import type { NewFeedback, StoredPrediction } from '../store/records.ts';
import type { PredictionLog } from '../store/store.ts';
import { isKnown } from './conclusion.ts';
import { brokenSilence, eventEvidence } from './evidence-words.ts';
import { absenceRules, absenceWindow, eventRules, isInTime, judgedBefore, nearest } from './rule-matching.ts';

/** A rule that has so much to say of one prediction has a fault behind it. */
const MOST_OF_A_RULE = 16;
/** Parts that one event at a station can be about, and whose silence it can break. */
const CANDIDATES = 50;
const SILENT = 2000;
/** By so much the line's clock may be behind: a part's own event must not go to the part that had its number before. */
const CLOCK_TOLERANCE_MS = 5000;

export interface EventJudgeDeps {
  readonly predictions: PredictionLog;
  readonly rules: ReadonlyMap<string, readonly FeedbackRule[]>;
  /** Index of a label of a slot by its name; undefined while the slot has no model that knows it. */
  readonly labelIndex: (slot: string, label: string) => number | undefined;
}

/** Why an event says nothing, as it is counted. */
type Unused =
  | 'event-without-prediction'
  | 'event-ambiguous'
  | 'event-out-of-time'
  | 'event-unless'
  | 'label-unknown'
  | 'said-too-often';

export interface Verdict {
  readonly feedback: readonly NewFeedback[];
  readonly unused: readonly Unused[];
  /** Something that it waits for may still come: a prediction, or a model. */
  readonly early: boolean;
}

const NOTHING: Verdict = { feedback: [], unused: [], early: false };

export class EventJudge {
  readonly #deps: EventJudgeDeps;

  constructor(deps: EventJudgeDeps) {
    this.#deps = deps;
  }

  /** Slots with a rule that looks at such an event. */
  slotsFor(event: LineEvent): string[] {
    return [...this.#deps.rules]
      .filter(([, rules]) => eventRules(rules, event).length > 0 || brokenBy(rules, event).length > 0)
      .map(([slot]) => slot);
  }

  /** How long to wait after the event until the rules of a slot can be judged, ms. */
  waitMs(slot: string, event: LineEvent): number {
    return Math.max(0, ...this.#rulesOf(slot, event).map(({ unless }) => unless?.withinMs ?? 0));
  }

  /** @param nowMs wall clock: when this is concluded */
  judge(slot: string, event: LineEvent, nowMs: number): Verdict {
    const all = this.#deps.rules.get(slot) ?? [];
    const verdicts = [
      ...this.#rulesOf(slot, event).map((rule) => this.#byRule(slot, rule, event, nowMs)),
      ...brokenBy(all, event).map((rule) => this.#takeBack(slot, rule, event, nowMs)),
    ];
    return {
      feedback: verdicts.flatMap(({ feedback }) => feedback),
      unused: verdicts.flatMap(({ unused }) => unused),
      early: verdicts.some(({ early }) => early),
    };
  }

  #rulesOf(slot: string, event: LineEvent): EventRule[] {
    return eventRules(this.#deps.rules.get(slot) ?? [], event);
  }

  #byRule(slot: string, rule: EventRule, event: LineEvent, nowMs: number): Verdict {
    const { predictions, labelIndex } = this.#deps;
    const prediction = this.#predictionOf(slot, rule, event);
    if (prediction === 'not-ours') return NOTHING;
    if (prediction === 'ambiguous') return unused('event-ambiguous');
    if (prediction === undefined) return { ...unused('event-without-prediction'), early: true };
    const label = labelIndex(slot, rule.label);
    if (label === undefined) return { ...unused('label-unknown'), early: true };
    if (event.correlationId !== null && !isInTime(rule, event.timeMs, prediction.timeMs))
      return unused('event-out-of-time');
    if (rule.unless && this.#cameToo(event, rule.unless)) return unused('event-unless');
    const said: NewFeedback = {
      timeMs: nowMs,
      predictionSeq: prediction.seq,
      slot,
      kind: 'implicit',
      label,
      weight: rule.weight,
      rule: rule.name,
      evidence: eventEvidence(event),
      precedence: rule.precedence,
      observedMs: Math.max(0, event.timeMs),
    };
    const history = predictions.evidenceOf(prediction.seq);
    if (isKnown(history, said)) return NOTHING;
    if (history.filter((one) => one.rule === rule.name).length >= MOST_OF_A_RULE)
      return unused('said-too-often');
    return { ...NOTHING, feedback: [said] };
  }

  /** The event whose absence a rule has concluded from, did come: late on the way, or after a standstill. */
  #takeBack(slot: string, rule: AbsenceRule, event: LineEvent, nowMs: number): Verdict {
    const feedback = this.#silentBy(slot, rule, event).flatMap((prediction) => {
      const said = newestOfEachRule(this.#deps.predictions.evidenceOf(prediction.seq)).find(
        (one) => one.rule === rule.name && one.kind === 'implicit',
      );
      return said && !said.withdrawn ? [withdrawal(said, brokenSilence(rule, event), nowMs)] : [];
    });
    return { ...NOTHING, feedback };
  }

  /** The predictions whose silence the event breaks. */
  #silentBy(slot: string, rule: AbsenceRule, event: LineEvent): StoredPrediction[] {
    if (event.correlationId === null) {
      const { withinMs, at } = rule;
      const span = judgedBefore({ withinMs, afterMs: at?.afterMs ?? 0 }, event.timeMs);
      return this.#deps.predictions.madeBetween(slot, span.fromMs, span.toMs, SILENT);
    }
    const prediction = this.#newestOf(slot, event.correlationId, event.timeMs);
    if (!prediction) return [];
    const { fromMs, toMs } = absenceWindow(rule, prediction.timeMs);
    return event.timeMs >= fromMs && event.timeMs <= toMs ? [prediction] : [];
  }

  #predictionOf(
    slot: string,
    rule: EventRule,
    event: LineEvent,
  ): StoredPrediction | 'ambiguous' | 'not-ours' | undefined {
    const { predictions } = this.#deps;
    if (event.predictionSeq !== undefined) {
      const prediction = predictions.bySeq(event.predictionSeq);
      return prediction?.slot === slot ? prediction : 'not-ours';
    }
    if (event.correlationId !== null) return this.#newestOf(slot, event.correlationId, event.timeMs);
    if (!rule.at || rule.at.station !== event.station) return 'not-ours';
    const span = judgedBefore(rule, event.timeMs);
    const candidates = predictions.madeBetween(slot, span.fromMs, span.toMs, CANDIDATES);
    return nearest(candidates, span, rule.at.clearByMs);
  }

  #newestOf(slot: string, correlationId: string, eventMs: number): StoredPrediction | undefined {
    return this.#deps.predictions.byCorrelationId(slot, correlationId, eventMs + CLOCK_TOLERANCE_MS);
  }

  /** About the same part; where the event names none, at the same station. */
  #cameToo(event: LineEvent, other: NonNullable<EventRule['unless']>): boolean {
    const span = { fromMs: event.timeMs, toMs: event.timeMs + other.withinMs };
    return this.#deps.predictions.hasLineEvent(other.event, event, span);
  }
}

/** The absence rules that wait for no such event; where it names no part, only those that listen at its station. */
function brokenBy(rules: readonly FeedbackRule[], event: LineEvent): AbsenceRule[] {
  return absenceRules(rules).filter(
    (rule) =>
      rule.event === event.kind &&
      (event.correlationId !== null || (rule.at !== undefined && rule.at.station === event.station)),
  );
}

function withdrawal(said: Evidence & NewFeedback, evidence: string, nowMs: number): NewFeedback {
  const { predictionSeq, slot, kind, label, weight, rule, precedence } = said;
  return {
    ...{ predictionSeq, slot, kind, label, weight, rule, precedence, evidence },
    timeMs: nowMs,
    // Of the same moment: so it takes back this word, and none that the rule might say of a later one.
    observedMs: evidenceMs(said),
    withdrawn: true,
  };
}

function unused(why: Unused): Verdict {
  return { feedback: [], unused: [why], early: false };
}
