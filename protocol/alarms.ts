/** An alarm as it leaves a device: to the server with the reported state, and to the line over MQTT and webhooks. */
import { z } from 'zod';

export const ALARM_SEVERITIES = ['warning', 'alarm'] as const;
export type AlarmSeverity = (typeof ALARM_SEVERITIES)[number];

/** Of one device at one time; a device that has more tells of the worst. */
export const MAX_ALARMS = 32;

export const alarmSchema = z.object({
  /** Of this occurrence: the same from raised to cleared, over restarts of the agent too. */
  id: z.string().min(1).max(64),
  /** What it is about, for programs: `no-samples`, `disk-short`, … (docs/alarms.md). */
  code: z.string().regex(/^[a-z][a-z-]{0,62}$/),
  /** Null: the whole device. */
  slot: z.string().min(1).max(64).nullable(),
  severity: z.enum(ALARM_SEVERITIES),
  /** What is wrong, in words. */
  text: z.string().max(512),
  /** What a person does about it. */
  next: z.string().max(512),
  /** Wall clock of the device, ms since the Unix epoch. */
  sinceMs: z.int(),
});
export type Alarm = z.infer<typeof alarmSchema>;

/** The severest; undefined without alarms. */
export function worstSeverity(alarms: readonly Pick<Alarm, 'severity'>[]): AlarmSeverity | undefined {
  if (alarms.some(({ severity }) => severity === 'alarm')) return 'alarm';
  return alarms.length > 0 ? 'warning' : undefined;
}
