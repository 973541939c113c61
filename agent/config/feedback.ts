/** The part of a slot's config about its truth: which evidence gives which label, and what goes on for inspection by chance. */
import { z } from 'zod';
import { configId } from './config-id.ts';

const DAY_MS = 24 * 3_600_000;
const label = z.string().min(1).max(256);
const station = z.string().min(1).max(64);
const durationMs = z
  .int()
  .min(0)
  .max(365 * DAY_MS);

/** Of equal evidence the higher goes first; operators have 1000 and go before every rule. */
const precedence = z.int().min(0).max(999);

const shared = {
  name: configId,
  label,
  /**
   * The labels of a prediction for which such evidence can be seen at all; absent: for all. What is called otherwise leaves
   * the line by that decision, and nobody learns what it was, unless it goes on by chance (`exploration`).
   */
  seenFor: z.array(label).min(1).max(32).optional(),
};

const eventRule = z
  .strictObject({
    ...shared,
    when: z.literal('event'),
    /** Kind of the line event, for example `machine-failed`. */
    event: configId,
    weight: z.number().gt(0).max(1).default(1),
    precedence: precedence.default(500),
    /** From so long after the prediction: an alarm that is acknowledged late. */
    afterMs: durationMs.default(0),
    /** Until so long after the prediction; absent: also days later. */
    withinMs: durationMs.min(1).optional(),
    /**
     * An event that names no part, at this station, is about the part that was judged `afterMs` to `withinMs` before it:
     * the one nearest to the middle, if no other comes within `clearByMs` as near.
     */
    at: z.strictObject({ station, clearByMs: durationMs.min(1).default(500) }).optional(),
    /** How long what the event tells of took; the dwell of a look at the page, for example. */
    lasting: z.strictObject({ atLeastMs: durationMs.default(0), atMostMs: durationMs.optional() }).optional(),
    /** Nothing is concluded where this event comes too, so long after the first: an alarm silenced and acted on. */
    unless: z.strictObject({ event: configId, withinMs: durationMs.min(1).max(DAY_MS) }).optional(),
  })
  .refine((rule) => rule.withinMs === undefined || rule.withinMs > rule.afterMs, {
    path: ['withinMs'],
    error: 'must be more than afterMs',
  })
  .refine((rule) => rule.at === undefined || (rule.withinMs ?? Number.POSITIVE_INFINITY) <= DAY_MS, {
    path: ['withinMs'],
    error: 'needed beside "at", a day at most: how long before the event the part was judged',
  });

const absenceRule = z.strictObject({
  ...shared,
  when: z.literal('absence'),
  event: configId,
  /** No such event this long after the prediction means `label`. */
  withinMs: durationMs.min(1),
  weight: z.number().gt(0).max(1).default(0.9),
  precedence: precedence.default(200),
  /** An event at this station that names no part breaks the silence of all parts judged `afterMs` to `withinMs` before it. */
  at: z.strictObject({ station, afterMs: durationMs.default(0) }).optional(),
});

/** What operators say; there is always such a rule, and their word goes before all others. */
const answerRule = z.strictObject({
  name: configId,
  when: z.literal('answer'),
  weight: z.number().gt(0).max(1).default(1),
});

export const feedbackRulesSchema = z
  .array(z.discriminatedUnion('when', [eventRule, absenceRule, answerRule]))
  .max(64)
  .default([]);
export type FeedbackRule = z.infer<typeof feedbackRulesSchema>[number];
export type EventRule = Extract<FeedbackRule, { when: 'event' }>;
export type AbsenceRule = Extract<FeedbackRule, { when: 'absence' }>;

/**
 * A share of the parts that these labels would take off the line goes on for inspection by chance, so that somebody learns
 * what they were. Never where a wrong part can hurt someone.
 */
export const explorationSchema = z
  .strictObject({
    share: z.number().gt(0).max(0.5),
    labels: z.array(label).min(1).max(32),
    /** Another seed picks other parts. */
    seed: z.int().min(0).default(1),
  })
  .nullable()
  .default(null);
export type Exploration = NonNullable<z.infer<typeof explorationSchema>>;
