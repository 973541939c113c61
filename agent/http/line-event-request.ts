/** `POST /api/line-events`: what an MES, a scanner or a PLC gateway tells of parts. */
import { z } from 'zod';
import { LIMITS } from '../../protocol/limits.ts';
import { configId } from '../config/config-id.ts';
import type { LineEvent } from '../sources/source.ts';

const YEAR_MS = 366 * 24 * 3_600_000;

const lineEventSchema = z
  .strictObject({
    kind: configId,
    /** Wall clock, ms since the Unix epoch; absent: now. It may lie days back. */
    timeMs: z.int().min(0).optional(),
    correlationId: z.string().min(1).max(LIMITS.correlationIdChars).nullable().default(null),
    station: z.string().min(1).max(64).nullable().default(null),
    durationMs: z.int().min(0).max(YEAR_MS).optional(),
  })
  .refine(({ correlationId, station }) => correlationId !== null || station !== null, {
    path: ['correlationId'],
    error: 'or a station is needed: which part is this about?',
  });

export const lineEventsSchema = z.array(lineEventSchema).min(1).max(500);

export function lineEventOf(
  { timeMs, durationMs, ...event }: z.infer<typeof lineEventSchema>,
  nowMs: number,
): LineEvent {
  return { ...event, timeMs: timeMs ?? nowMs, ...(durationMs === undefined ? {} : { durationMs }) };
}
