/** When the next batch of a lane goes to the engine. Pure. */

export interface BatchMoment {
  readonly queuedRows: number;
  readonly maxRows: number;
  /** Batches of this lane on their way. */
  readonly inFlight: number;
  /** How long the first of the queue has waited. */
  readonly waitedUs: number;
  readonly maxDelayUs: number;
}

/** The engine works on one batch while the next one lies ready. */
const BATCHES_IN_FLIGHT = 2;

/**
 * A lone sample never waits: a delay only fills a batch while the engine is busy with the one before.
 * @returns microseconds until it should start: 0 is now; infinite: when a batch ends or something comes
 */
export function batchDelayUs(moment: BatchMoment): number {
  const { queuedRows, maxRows, inFlight, waitedUs, maxDelayUs } = moment;
  if (queuedRows === 0 || inFlight >= BATCHES_IN_FLIGHT) return Number.POSITIVE_INFINITY;
  if (inFlight === 0 || queuedRows >= maxRows) return 0;
  return Math.max(0, maxDelayUs - waitedUs);
}
