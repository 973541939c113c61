/** What can be wrong with a device: one code each, for programs; the words are for people. */
import type { Alarm } from '../../protocol/alarms.ts';

export type AlarmCode =
  | 'no-samples'
  | 'no-predictions'
  | 'no-acknowledgements'
  | 'backlog-growing'
  | 'no-model'
  | 'engine-down'
  | 'not-recording'
  | 'store-damaged'
  | 'disk-short'
  | 'memory-short'
  | 'hot'
  | 'throttled'
  | 'clock-off'
  | 'certificate-ending'
  | 'not-enrolled'
  | 'alarm-output-failing';

/** Something that is wrong now, as a monitor finds it. */
export interface AlarmCause extends Pick<Alarm, 'slot' | 'severity' | 'text' | 'next'> {
  readonly code: AlarmCode;
}
