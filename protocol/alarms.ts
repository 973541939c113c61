/** An alarm as it leaves a device: to the server with the reported state, and to the line over MQTT and webhooks. */
import { z } from 'zod';
import { deviceIdSchema } from './topics.ts';

/** Of one device at one time; a device that has more tells of the worst. */
export const MAX_ALARMS = 32;

export const alarmSchema = z.object({
  /** Of this occurrence: the same from raised to cleared, over restarts of the agent too. */
  id: z.string().min(1).max(64),
  /** What it is about, for programs: `no-samples`, `disk-short`, … (docs/alarms.md). */
  code: z.string().regex(/^[a-z][a-z-]{0,62}$/),
  /** Null: the whole device. */
  slot: z.string().min(1).max(64).nullable(),
  severity: z.enum(['warning', 'alarm']),
  /** What is wrong, in words. */
  text: z.string().max(512),
  /** What a person does about it. */
  next: z.string().max(512),
  /** Wall clock of the device, ms since the Unix epoch. */
  sinceMs: z.int(),
});
export type Alarm = z.infer<typeof alarmSchema>;

/** One change of an alarm as the line hears of it: the body of a webhook, the payload of an MQTT message. Flat, for small readers. */
export const alarmMessageSchema = alarmSchema.omit({ id: true }).extend({
  v: z.literal(1),
  /** Of this message: it may come twice, under the same id. */
  id: z.string().min(1).max(64),
  /** Of the alarm: the same in its `raised` and its `cleared`. */
  alarm: alarmSchema.shape.id,
  device: deviceIdSchema,
  state: z.enum(['raised', 'cleared']),
  /** When it changed, by the device's wall clock, ms since the Unix epoch. */
  timeMs: z.int(),
});
export type AlarmMessage = z.infer<typeof alarmMessageSchema>;

/** What a signal tower shows: the worst alarm that is raised, `unknown` when the agent is not there to say. */
export interface AlarmSummary {
  readonly v: 1;
  readonly device: string;
  readonly state: 'ok' | 'warning' | 'alarm' | 'unknown';
  /** How many alarms are raised. */
  readonly raised: number;
}

/** The severest; undefined without alarms. */
export function worstSeverity(alarms: readonly Pick<Alarm, 'severity'>[]): Alarm['severity'] | undefined {
  if (alarms.some(({ severity }) => severity === 'alarm')) return 'alarm';
  return alarms.length > 0 ? 'warning' : undefined;
}
