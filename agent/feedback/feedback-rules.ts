/** Turns what happens on the line, what does not happen, and what operators say into labels of predictions. */
import type { Logger } from 'pino';
import type { Counters } from '../../daemon/counters.ts';
import { codeOf } from '../../protocol/errors.ts';
import { evidenceMs } from '../../protocol/labels/standing-label.ts';
import { MAX_PRECEDENCE, parsePredictionId } from '../../protocol/records.ts';
import type { Clock } from '../clock.ts';
import type { ClockJumps } from '../clock-jumps.ts';
import type { FeedbackRule } from '../config/feedback.ts';
import { agentError } from '../errors.ts';
import type { LineEvent } from '../sources/source.ts';
import type { NewFeedback, StoredPrediction } from '../store/records.ts';
import type { Store } from '../store/store.ts';
import { AbsenceLabels } from './absence-labels.ts';
import type { Labeller } from './conclusion.ts';
import { EventLabels } from './event-labels.ts';
import { absenceRules, LOOKED_AT } from './rule-matching.ts';

const PASS_EVERY_MS = 250;
/** How often the places reached are made durable; a crash makes the rules look again at what came after. */
const SAVE_EVERY_MS = 5000;

export interface FeedbackRulesDeps {
  readonly store: Store;
  readonly slots: Readonly<Record<string, { readonly feedback: readonly FeedbackRule[] }>>;
  /** Labels of the slot's active model by index; undefined while it has none. */
  readonly labelsOf: (slot: string) => readonly string[] | undefined;
  /** Labels were recorded: there is something to send and to show. */
  readonly onRecorded?: () => void;
  readonly clock: Clock;
  /** Absent: the clock is never set. */
  readonly jumps?: Pick<ClockJumps, 'recent'>;
  readonly log: Logger;
  readonly counters: Counters;
}

export class FeedbackRules {
  readonly #deps: FeedbackRulesDeps;
  #labellers: Labeller[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** The passes run one after another: each must see the labels of the one before. */
  #pass: Promise<void> = Promise.resolve();
  #queued = false;
  #savedAtUs = 0;
  #stopping = false;

  constructor(deps: FeedbackRulesDeps) {
    this.#deps = deps;
  }

  start(): void {
    const { store, clock, counters, slots, jumps = { recent: () => [] } } = this.#deps;
    const labelIndex = (slot: string, label: string) => this.#labelIndex(slot, label);
    const shared = { store, clock, counters, labelIndex };
    const rules = new Map(Object.entries(slots).map(([slot, { feedback }]) => [slot, feedback]));
    const absences = [...rules].flatMap(([slot, slotRules]) =>
      absenceRules(slotRules).map((rule) => new AbsenceLabels({ ...shared, jumps, slot, rule })),
    );
    this.#labellers = [new EventLabels({ ...shared, rules }), ...absences];
    this.#timer = setInterval(() => void this.#runPass(), PASS_EVERY_MS);
  }

  /** Concludes a last time and saves the places reached; a long history waits for the next start. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#stopping = true;
    this.#savedAtUs = Number.NEGATIVE_INFINITY;
    await this.#runPass();
  }

  /**
   * Keeps the events durably, then labels what they speak of. Resolves when both are done.
   * @throws CodedError STORE_FULL, STORE_UNWRITABLE: the events were not kept
   */
  async onLineEvents(events: readonly LineEvent[]): Promise<void> {
    if (events.length === 0) return;
    await this.#deps.store.recorder.lineEvents(events);
    await this.#runPass();
  }

  /**
   * Records what an operator says of one prediction; it outweighs every rule. Resolves when it is durable.
   * @param request the prediction's public id, and the true label's name; null: the operator takes the answer back
   * @throws CodedError PREDICTION_UNKNOWN, REQUEST_INVALID, STORE_*
   */
  async answer(request: { predictionId: string; label: string | null }): Promise<void> {
    const { seq, slot } = this.#predictionOf(request.predictionId);
    const given = request.label === null ? this.#answerTo(seq) : this.#knownLabel(slot, request.label);
    const words =
      request.label === null ? 'an operator took the answer back' : `an operator said ${request.label}`;
    const timeMs = this.#deps.clock.wallMs();
    await this.#record([
      {
        timeMs,
        observedMs: this.#afterAnswersBefore(seq, timeMs),
        predictionSeq: seq,
        slot,
        kind: 'explicit',
        label: given,
        weight: answerWeight(this.#deps.slots[slot]?.feedback ?? []),
        rule: 'operator',
        evidence: words.slice(0, 256),
        precedence: MAX_PRECEDENCE,
        withdrawn: request.label === null,
      },
    ]);
  }

  /**
   * Keeps how long somebody looked at a prediction. Resolves when it is durable.
   * @throws CodedError PREDICTION_UNKNOWN, REQUEST_INVALID, STORE_*
   */
  async lookedAt(request: { predictionId: string; durationMs: number }): Promise<void> {
    const { seq } = this.#predictionOf(request.predictionId);
    const timeMs = this.#deps.clock.wallMs();
    const about = { correlationId: null, station: null, predictionSeq: seq };
    await this.onLineEvents([{ timeMs, kind: LOOKED_AT, durationMs: request.durationMs, ...about }]);
  }

  #knownLabel(slot: string, name: string): number {
    const label = this.#labelIndex(slot, name);
    if (label !== undefined) return label;
    const known = this.#deps.labelsOf(slot)?.join(', ') ?? 'none, no model is active';
    throw agentError('REQUEST_INVALID', `"${name}" is no label of ${slot}`, {
      hint: `Its labels: ${known}.`,
    });
  }

  /** The newest answer stands: also when the clock was set back since the one before. */
  #afterAnswersBefore(predictionSeq: number, timeMs: number): number {
    const answers = this.#deps.store.predictions
      .evidenceOf(predictionSeq)
      .filter(({ rule, kind }) => kind === 'explicit' && rule === 'operator');
    return Math.max(timeMs, ...answers.map((answer) => evidenceMs(answer) + 1));
  }

  /** The label that an operator gave. */
  #answerTo(predictionSeq: number): number {
    const said = this.#deps.store.predictions.labelOf(predictionSeq);
    if (said?.kind === 'explicit') return said.label;
    throw agentError(
      'REQUEST_INVALID',
      'nobody has answered for this prediction: there is nothing to take back',
    );
  }

  #predictionOf(publicId: string): StoredPrediction {
    const id = parsePredictionId(publicId);
    if (!id) throw agentError('REQUEST_INVALID', `"${publicId}" is not the id of a prediction`);
    const prediction = this.#deps.store.predictions.bySeq(id.seq);
    if (prediction?.run === id.run) return prediction;
    throw agentError('PREDICTION_UNKNOWN', `there is no prediction ${publicId} on this device`, {
      hint: 'Load the page again: the prediction may be older than what the device keeps.',
    });
  }

  #labelIndex(slot: string, label: string): number | undefined {
    const index = this.#deps.labelsOf(slot)?.indexOf(label) ?? -1;
    return index === -1 ? undefined : index;
  }

  /** Joins the pass that is about to begin, or queues one behind the pass under way. Never rejects. */
  #runPass(): Promise<void> {
    if (!this.#queued) {
      this.#queued = true;
      this.#pass = this.#pass.then(() => {
        this.#queued = false;
        return this.#concludeAll();
      });
    }
    return this.#pass;
  }

  /** Never rejects: what could not be recorded is counted by the store, and concluded again by the next pass. */
  async #concludeAll(): Promise<void> {
    try {
      for (const labeller of this.#labellers) await this.#exhaust(labeller);
      const nowUs = this.#deps.clock.monotonicUs();
      if (nowUs - this.#savedAtUs < SAVE_EVERY_MS * 1000) return;
      this.#savedAtUs = nowUs;
      this.#save();
    } catch (cause) {
      this.#deps.counters.add('feedback.pass-failed');
      this.#deps.log.warn({ code: codeOf(cause), err: cause }, 'feedback pass failed');
    }
  }

  async #exhaust(labeller: Labeller): Promise<void> {
    let more = true;
    while (more) {
      const conclusion = labeller.conclude();
      if (conclusion.feedback.length > 0) await this.#record(conclusion.feedback);
      conclusion.accept();
      more = conclusion.more && !this.#stopping;
      // A long history is walked a pass at a time, so that samples and pages have their turn in between.
      if (more) await new Promise(setImmediate);
    }
  }

  async #record(feedback: readonly NewFeedback[]): Promise<void> {
    await this.#deps.store.recorder.feedback(feedback);
    this.#deps.onRecorded?.();
  }

  #save(): void {
    for (const labeller of this.#labellers) labeller.save();
  }
}

/** How much operators of this slot are trusted. */
function answerWeight(rules: readonly FeedbackRule[]): number {
  return rules.find((rule) => rule.when === 'answer')?.weight ?? 1;
}
