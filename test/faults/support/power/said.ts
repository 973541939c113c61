/** What a process said that its store had told it, in the order of its saying. */

/** Beside the database; no part of what is tested. */
export const SAID_FILE = 'said';

export interface Said {
  readonly epoch?: string;
  /** Recorded up to this seq. */
  readonly predictions?: number;
  /** Recorded, about this prediction. */
  readonly feedbackAbout?: number;
  /** Written and durable. */
  readonly state?: number;
}

/** All that was said up to a moment. */
export interface Claim {
  readonly epoch: string | null;
  readonly predictions: number;
  readonly feedbackAbout: readonly number[];
  readonly state: number;
}

export const NOTHING_SAID: Claim = { epoch: null, predictions: 0, feedbackAbout: [], state: 0 };

/** @param bytes one or more lines, whole */
export function withSaid(claim: Claim, bytes: Buffer): Claim {
  const lines = bytes.toString('utf8').trimEnd().split('\n');
  return lines.reduce((so, line) => {
    const { epoch, predictions, feedbackAbout, state } = JSON.parse(line) as Said;
    return {
      epoch: epoch ?? so.epoch,
      predictions: Math.max(so.predictions, predictions ?? 0),
      feedbackAbout: feedbackAbout === undefined ? so.feedbackAbout : [...so.feedbackAbout, feedbackAbout],
      state: state ?? so.state,
    };
  }, claim);
}
