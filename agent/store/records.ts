/** What the agent hands to its store. The store adds `seq` and `run`. */
import type { Circumstances } from '../../protocol/prediction-context.ts';
import type { EventRecord, MetricRecord, Prediction, Role } from '../../protocol/records.ts';

export type { NewFeedback } from '../../protocol/records.ts';

/** Without circumstances: no tags, its truth is sure to be seen. Predictions with equal tags had best share the object. */
export interface NewPrediction extends Partial<Omit<Circumstances, 'keptShare'>> {
  readonly timeMs: number;
  readonly slot: string;
  readonly model: string;
  readonly role: Role;
  readonly correlationId: string | null;
  readonly label: number;
  readonly score: number;
  readonly latencyUs: number;
  readonly health: number;
  /** The model was unsure of it: retention keeps such a record longer than others. */
  readonly unsure?: boolean;
  /** The validated input row; kept on the device, sent only where the slot's privacy policy says so. */
  readonly features: Float32Array | null;
  /** The challenger's or champion's look at the same sample, recorded right after it with role shadow. */
  readonly shadow: {
    readonly model: string;
    readonly label: number;
    readonly score: number;
    readonly latencyUs: number;
  } | null;
}

export type NewMetric = Omit<MetricRecord, 'seq'>;
export type NewEvent = Omit<EventRecord, 'seq'>;

/** A committed prediction as pages and rules see it. */
export interface StoredPrediction extends Omit<Prediction, 'features'> {
  /** `${run}-${seq}` */
  readonly id: string;
}
