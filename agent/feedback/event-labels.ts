/** Reads the kept line events in order and turns them into labels; waits a while for predictions that are not recorded yet. */
import type { Clock } from '../clock.ts';
import type { FeedbackRule } from '../config/schema.ts';
import type { Counters } from '../counters.ts';
import type { LineEvent } from '../sources/source.ts';
import type { NewFeedback } from '../store/records.ts';
import type { Store } from '../store/store.ts';
import type { Conclusion, Labeller } from './conclusion.ts';
import { type EventRule, eventEvidence, eventRules } from './rule-matching.ts';

/** How long an event waits for its prediction. */
const PATIENCE_MS = 30_000;
const EVENTS_A_PASS = 2000;
const STATE_KEY = 'feedback/line-events';

interface KeptLineEvent {
  readonly id: number;
  readonly receivedMs: number;
  readonly event: LineEvent;
}

interface Waiting extends KeptLineEvent {
  readonly slot: string;
  readonly correlationId: string;
}

export interface EventLabelsDeps {
  readonly store: Pick<Store, 'predictions' | 'states'>;
  readonly rules: ReadonlyMap<string, readonly FeedbackRule[]>;
  /** Index of a label of a slot by its name; undefined while the slot has no model that knows it. */
  readonly labelIndex: (slot: string, label: string) => number | undefined;
  readonly clock: Clock;
  readonly counters: Counters;
}

export class EventLabels implements Labeller {
  readonly #deps: EventLabelsDeps;
  /** Line events up to this id have been read. */
  #readId: number;
  #waiting: readonly Waiting[] = [];
  #savedId: number;

  constructor(deps: EventLabelsDeps) {
    this.#deps = deps;
    const saved = deps.store.states.get(STATE_KEY);
    this.#readId = typeof saved === 'number' ? saved : 0;
    this.#savedId = this.#readId;
  }

  /** Labels from the events that came since, and from earlier ones whose prediction has come now. */
  conclude(): Conclusion {
    const events = this.#deps.store.predictions.lineEventsAfter(this.#readId, EVENTS_A_PASS);
    const feedback: NewFeedback[] = [];
    const waiting = [...this.#waiting, ...events.flatMap((event) => this.#relevant(event))].filter((one) =>
      this.#keepsWaiting(one, feedback),
    );
    const accept = () => {
      this.#readId = events.at(-1)?.id ?? this.#readId;
      this.#waiting = waiting;
    };
    return { feedback, more: events.length === EVENTS_A_PASS, accept };
  }

  /** Makes the accepted place durable. An event read again after a crash finds its label in the store. */
  save(): void {
    const [oldest] = this.#waiting;
    const done = oldest ? oldest.id - 1 : this.#readId;
    if (done === this.#savedId) return;
    this.#deps.store.states.set(STATE_KEY, done);
    this.#savedId = done;
  }

  /** The event once for each slot that has a rule for it. */
  #relevant({ id, receivedMs, event }: KeptLineEvent): Waiting[] {
    const { correlationId, kind } = event;
    if (correlationId === null) return [];
    return [...this.#deps.rules]
      .filter(([, rules]) => eventRules(rules, kind).length > 0)
      .map(([slot]) => ({ id, receivedMs, slot, event, correlationId }));
  }

  /** Adds the labels that the event gives; true when it cannot be judged yet and still has time. */
  #keepsWaiting({ slot, event, correlationId, receivedMs }: Waiting, feedback: NewFeedback[]): boolean {
    const { store, counters, clock } = this.#deps;
    const prediction = store.predictions.byCorrelationId(slot, correlationId);
    const labels = this.#labelsOf(slot, event.kind);
    if (prediction && labels) {
      for (const { rule, label } of labels) {
        if (store.predictions.evidenceOf(prediction.seq).some((evidence) => evidence.rule === rule.name))
          continue;
        feedback.push({
          timeMs: clock.wallMs(),
          predictionSeq: prediction.seq,
          slot,
          kind: 'implicit',
          label,
          weight: rule.weight,
          rule: rule.name,
          evidence: eventEvidence(event),
        });
      }
      return false;
    }
    // In either direction: a clock that was set back must not make events wait for hours.
    const patient = Math.abs(clock.wallMs() - receivedMs) < PATIENCE_MS;
    if (!patient) counters.add(prediction ? 'feedback.label-unknown' : 'feedback.event-without-prediction');
    return patient;
  }

  /** What the rules of a slot say to an event; undefined while its model does not know one of the labels. */
  #labelsOf(slot: string, kind: string): { rule: EventRule; label: number }[] | undefined {
    const labels = eventRules(this.#deps.rules.get(slot) ?? [], kind).map((rule) => ({
      rule,
      label: this.#deps.labelIndex(slot, rule.label),
    }));
    const known = labels.filter((one): one is { rule: EventRule; label: number } => one.label !== undefined);
    return known.length === labels.length ? known : undefined;
  }
}
