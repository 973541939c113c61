/** The event that tells of a clock that was set. Pure. */
import type { ClockJump } from '../clock-jumps.ts';
import type { NewEvent } from '../store/records.ts';
import { spanWords } from './span-words.ts';

export function clockJumpEvent({ beforeMs, afterMs }: ClockJump): NewEvent {
  const byMs = afterMs - beforeMs;
  return {
    timeMs: afterMs,
    kind: 'clock-jumped',
    severity: 'warning',
    slot: null,
    message: `The clock of this device went ${byMs > 0 ? 'ahead' : 'back'} by ${spanWords(Math.abs(byMs))}. Records keep their order; times before and after do not compare.`,
    data: { beforeMs, afterMs, byMs },
  };
}
