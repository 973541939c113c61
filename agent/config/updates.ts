/** The part of a slot's config about newcomers: when they may begin to decide, what they may cost, how long they are watched. */
import { z } from 'zod';
import { timeZoneSchema, weeklyWindowSchema } from '../../protocol/weekly-window.ts';

/** When a newcomer may begin to decide. What is wanted is fetched and tested at any time, and going back never waits. */
export const updatesSchema = z.strictObject({
  /** None: any time. */
  windows: z.array(weeklyWindowSchema).max(32).default([]),
  /** IANA name, for example `Europe/Berlin`; absent: the machine's own. */
  timeZone: timeZoneSchema.optional(),
});

/** What a model may cost in this slot; absent: anything. */
export const budgetSchema = z.strictObject({
  /** 99th percentile of the time inside the engine for one row. */
  latencyP99Ms: z.number().positive().optional(),
  /** By which a model may make the engine grow. */
  memoryMiB: z.number().positive().optional(),
});
export type Budget = z.infer<typeof budgetSchema>;

/** How a newcomer looks on at live samples before it may decide, where the server asked for no trial as a challenger. */
export const selfTestSchema = z.strictObject({
  /** 0: it does not look on. */
  shadowSamples: z.int().min(0).max(100_000).default(50),
  /** A line that brings fewer samples than that holds no update up for longer than this. */
  shadowForMs: z.int().min(0).default(30_000),
});

export const probationSchema = z.strictObject({
  /** A new champion is committed after this many predictions and this long without a guardrail broken. */
  predictions: z.int().min(1).default(200),
  forMs: z.int().min(0).default(10_000),
  maxErrorRate: z.number().min(0).max(1).default(0.01),
  /** So many times the time of the champion before it (medians) is too slow, where it is more than a line can overlook. */
  maxSlowdown: z.number().min(1).default(10),
});
