/** Walks over the predictions whose deadline has passed and concludes from what did not happen. */
import { z } from 'zod';
import type { Counters } from '../../daemon/counters.ts';
import type { Clock } from '../clock.ts';
import type { ClockJump, ClockJumps } from '../clock-jumps.ts';
import type { AbsenceRule } from '../config/feedback.ts';
import type { StoredPrediction } from '../store/records.ts';
import type { Store } from '../store/store.ts';
import { type Conclusion, type Labeller, NOTHING } from './conclusion.ts';
import { absenceEvidence } from './evidence-words.ts';
import { absenceWindow, canBeSeen, silenceCounts, stationWindow } from './rule-matching.ts';

const PREDICTIONS_A_PASS = 2000;
/** A prediction from further ahead than this came with a wrong clock; nobody can say when its time is up. */
const CLOCK_TOLERANCE_MS = 60_000;

const placeSchema = z.object({
  /** Predictions up to this seq have been judged. */
  seq: z.int().min(0),
  /** Wall clock of the last pass. */
  untilMs: z.number(),
});
type Place = z.infer<typeof placeSchema>;

export interface AbsenceLabelsDeps {
  readonly slot: string;
  readonly rule: AbsenceRule;
  readonly store: Pick<Store, 'predictions' | 'states' | 'run'>;
  readonly labelIndex: (slot: string, label: string) => number | undefined;
  readonly clock: Clock;
  readonly jumps: Pick<ClockJumps, 'recent'>;
  readonly counters: Counters;
}

export class AbsenceLabels implements Labeller {
  readonly #deps: AbsenceLabelsDeps;
  readonly #key: string;
  /** How far an earlier run of the agent had listened. */
  readonly #earlierUntilMs: number;
  #place: Place;

  constructor(deps: AbsenceLabelsDeps) {
    this.#deps = deps;
    this.#key = `feedback/absence/${deps.slot}/${deps.rule.name}`;
    const saved = placeSchema.safeParse(deps.store.states.get(this.#key));
    this.#place = saved.success ? saved.data : { seq: 0, untilMs: 0 };
    this.#earlierUntilMs = this.#place.untilMs;
  }

  /** Labels of the predictions that became due since the last accepted call. */
  conclude(): Conclusion {
    const { slot, rule, store, clock, jumps } = this.#deps;
    const label = this.#deps.labelIndex(slot, rule.label);
    // Without a model nobody knows the label's index; the predictions wait.
    if (label === undefined) return NOTHING;
    const jumped = jumps.recent();
    const nowMs = clock.wallMs();
    const { due, through } = store.predictions.dueAfter({
      slot,
      afterSeq: this.#place.seq,
      untilMs: nowMs - rule.withinMs,
      plausibleMs: nowMs + CLOCK_TOLERANCE_MS,
      limit: PREDICTIONS_A_PASS,
    });
    const more = through > this.#place.seq;
    const evidence = absenceEvidence(rule);
    const feedback = due
      .filter((prediction) => this.#isSilent(prediction, jumped))
      .map(({ seq, timeMs }) => ({
        timeMs: nowMs,
        // What was known then was known at the deadline, also when the agent stood still until now.
        observedMs: timeMs + rule.withinMs,
        predictionSeq: seq,
        slot,
        kind: 'implicit' as const,
        label,
        weight: rule.weight,
        rule: rule.name,
        precedence: rule.precedence,
        evidence,
      }));
    const accept = () => {
      this.#place = { seq: through, untilMs: more ? this.#place.untilMs : nowMs };
    };
    return { feedback, more, accept };
  }

  /** Makes the accepted place durable. Predictions judged again after a crash find their label in the store. */
  save(): void {
    this.#deps.store.states.set(this.#key, this.#place);
  }

  #isSilent(prediction: StoredPrediction, jumps: readonly ClockJump[]): boolean {
    const { slot, rule, store, counters, labelIndex } = this.#deps;
    if (jumps.some((jump) => isWithin(jump, prediction.timeMs, rule.withinMs))) {
      counters.add('feedback.absence-not-observed');
      return false;
    }
    if (!silenceCounts(rule, prediction, { run: store.run, earlierUntilMs: this.#earlierUntilMs })) {
      counters.add('feedback.absence-not-observed');
      return false;
    }
    if (!canBeSeen(rule, prediction, (label) => labelIndex(slot, label))) {
      counters.add('feedback.absence-not-seen');
      return false;
    }
    const { correlationId, timeMs } = prediction;
    const part = { correlationId, station: null };
    const station = { correlationId: null, station: rule.at?.station ?? null };
    return (
      !store.predictions.hasLineEvent(rule.event, part, absenceWindow(rule, timeMs)) &&
      !store.predictions.hasLineEvent(rule.event, station, stationWindow(rule, timeMs)) &&
      !store.predictions.evidenceOf(prediction.seq).some((evidence) => evidence.rule === rule.name)
    );
  }
}

/** True when the clock jumped between a prediction and its deadline: nobody knows which part of that time has passed. */
function isWithin({ beforeMs }: ClockJump, madeMs: number, withinMs: number): boolean {
  return madeMs <= beforeMs && beforeMs < madeMs + withinMs;
}
