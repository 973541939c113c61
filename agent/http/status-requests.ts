/** What the status page and other programs of the plant may send to the device. */
import { z } from 'zod';
import { desiredSlotSchema, firstIssues } from '../../protocol/messages.ts';
import { parsePredictionId } from '../../protocol/records.ts';
import { agentError } from '../errors.ts';
import type { FeedbackRequest, HoldRequest, LookRequest } from './view.ts';

const predictionId = z.string().refine((id) => parsePredictionId(id), 'not the id of a prediction');
const slotName = z.string().min(1).max(64);

export const feedbackRequestSchema = z.strictObject({
  predictionId,
  label: z.string().min(1).max(256).nullable(),
}) satisfies z.ZodType<FeedbackRequest>;

export const lookRequestSchema = z.strictObject({
  predictionId,
  durationMs: z
    .int()
    .min(0)
    .max(24 * 3_600_000),
}) satisfies z.ZodType<LookRequest>;

export const holdRequestSchema = z.discriminatedUnion('hold', [
  z.strictObject({ hold: z.literal(false), slot: slotName }),
  z.strictObject({
    hold: z.literal(true),
    slot: slotName,
    reason: z.string().trim().min(1).max(200),
    untilMs: z.int().positive().optional(),
  }),
]) satisfies z.ZodType<HoldRequest>;

export const installQuerySchema = z.strictObject({ slot: slotName.optional() });

export const planSchema = z.strictObject({ slot: slotName, desired: desiredSlotSchema });

export const cutLinkSchema = z.strictObject({ cut: z.boolean() });

/** @throws CodedError REQUEST_INVALID */
export function parseRequest<T>(schema: z.ZodType<T>, sent: unknown): T {
  const parsed = schema.safeParse(sent);
  if (!parsed.success) throw agentError('REQUEST_INVALID', firstIssues(parsed.error));
  return parsed.data;
}
