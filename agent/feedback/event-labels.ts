/** Reads the kept line events in order and turns them into labels; waits a while for predictions that are not recorded yet. */

import type { Counters } from '../../daemon/counters.ts';
import type { Clock } from '../clock.ts';
import type { LineEvent } from '../sources/source.ts';
import type { NewFeedback } from '../store/records.ts';
import type { Store } from '../store/store.ts';
import type { Conclusion, Labeller } from './conclusion.ts';
import { EventJudge, type EventJudgeDeps } from './event-judge.ts';

/** How long an event waits for its prediction. */
const PATIENCE_MS = 30_000;
/** An event that names no part waits until every prediction it could be about is surely recorded. */
const SETTLED_AFTER_MS = 1000;
const EVENTS_A_PASS = 2000;
const STATE_KEY = 'feedback/line-events';

interface Waiting {
  readonly id: number;
  readonly receivedMs: number;
  readonly slot: string;
  readonly event: LineEvent;
  /** Wall clock before which it cannot be judged. */
  readonly fromMs: number;
}

export interface EventLabelsDeps extends Omit<EventJudgeDeps, 'predictions'> {
  readonly store: Pick<Store, 'predictions' | 'states'>;
  readonly clock: Clock;
  readonly counters: Counters;
}

export class EventLabels implements Labeller {
  readonly #deps: EventLabelsDeps;
  readonly #judge: EventJudge;
  /** Line events up to this id have been read. */
  #readId: number;
  #waiting: readonly Waiting[] = [];
  #savedId: number;

  constructor(deps: EventLabelsDeps) {
    this.#deps = deps;
    this.#judge = new EventJudge({ ...deps, predictions: deps.store.predictions });
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
    const oldest = this.#waiting.reduce((id, waiting) => Math.min(id, waiting.id), Number.POSITIVE_INFINITY);
    const done = Number.isFinite(oldest) ? oldest - 1 : this.#readId;
    if (done === this.#savedId) return;
    this.#deps.store.states.set(STATE_KEY, done);
    this.#savedId = done;
  }

  /** The event once for each slot that has a rule for it. */
  #relevant({ id, receivedMs, event }: Pick<Waiting, 'id' | 'receivedMs' | 'event'>): Waiting[] {
    const settledMs = event.correlationId === null ? SETTLED_AFTER_MS : 0;
    return this.#judge.slotsFor(event).map((slot) => {
      const fromMs = receivedMs + Math.max(settledMs, this.#judge.waitMs(slot, event));
      return { id, receivedMs, slot, event, fromMs };
    });
  }

  /** Adds the labels that the event gives; true when it cannot be judged yet and still has time. */
  #keepsWaiting({ slot, event, receivedMs, fromMs }: Waiting, feedback: NewFeedback[]): boolean {
    const { counters, clock } = this.#deps;
    const nowMs = clock.wallMs();
    // In either direction: a clock that was set back must not make events wait for hours.
    const waitedMs = Math.abs(nowMs - receivedMs);
    if (waitedMs < fromMs - receivedMs) return true;
    const verdict = this.#judge.judge(slot, event, nowMs);
    if (verdict.early && waitedMs < fromMs - receivedMs + PATIENCE_MS) return true;
    feedback.push(...verdict.feedback);
    for (const why of verdict.unused) counters.add(`feedback.${why}`);
    return false;
  }
}
