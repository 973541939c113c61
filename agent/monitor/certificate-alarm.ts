/** When the certificate by which this device talks to the broker is missing, near its end or over, in words that say what to do. Pure. */
import type { AlarmCause } from './alarm-cause.ts';
import { spanWords } from './span-words.ts';

const DAY_MS = 86_400_000;
/** Renewal begins 30 days before the end: by now it has failed for days, and there is time to mend it. */
const NEAR_MS = 14 * DAY_MS;
const VERY_NEAR_MS = 3 * DAY_MS;

/**
 * @param endsAtMs null: the device has none; undefined: it needs none
 * @param nowMs by the best clock at hand, ms since the Unix epoch
 */
export function certificateAlarm(endsAtMs: number | null | undefined, nowMs: number): AlarmCause | null {
  if (endsAtMs === undefined) return null;
  if (endsAtMs === null) {
    return {
      code: 'not-enrolled',
      slot: null,
      severity: 'warning',
      text: 'This device has no certificate yet, so it cannot talk to the server.',
      next: 'On the server: andon devices invite. Here: andon enrol with the code that it prints.',
    };
  }
  const leftMs = endsAtMs - nowMs;
  if (leftMs > NEAR_MS) return null;
  const over = leftMs <= 0;
  return {
    code: 'certificate-ending',
    slot: null,
    severity: leftMs <= VERY_NEAR_MS ? 'alarm' : 'warning',
    text: over
      ? `The certificate of this device ended ${spanWords(-leftMs)} ago: the broker lets it in no more.`
      : `The certificate of this device ends in ${spanWords(leftMs)}, and its renewal has not succeeded.`,
    next: over
      ? 'Predictions go on and wait here. On the server: andon devices invite. Here: andon enrol with the new code.'
      : 'Check that this device reaches sync.identity.server, and its clock. After the end it needs a new code.',
  };
}
