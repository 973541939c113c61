/** Whether a newcomer may begin to decide in a slot now, and if not, who or what it waits for: an operator's hold, the maintenance window. */
import { z } from 'zod';
import { isOpen, nextOpening, WallClock } from '../../protocol/weekly-window.ts';
import type { SlotConfig } from '../config/schema.ts';

/** An operator's word that the models of a slot stay as they are. */
export const holdSchema = z.object({
  reason: z.string().min(1).max(200),
  sinceMs: z.int(),
  /** Null: until released. */
  untilMs: z.int().nullable(),
});
export type Hold = z.infer<typeof holdSchema>;

export interface Waiting {
  readonly for: 'hold' | 'window';
  /** For people, without a stop at the end. */
  readonly words: string;
}

export class Gate {
  readonly #updates: SlotConfig['updates'];
  readonly #wall: WallClock;
  /** The last answer of `nextOpening`, good until then. */
  #opens: { fromMs: number; atMs: number | null } | undefined;

  constructor(updates: SlotConfig['updates']) {
    this.#updates = updates;
    this.#wall = new WallClock(updates.timeZone);
  }

  /** @param nowMs by the clock on the wall @returns null when a newcomer may decide */
  waiting(hold: Hold | null, nowMs: number): Waiting | null {
    if (hold && isInForce(hold, nowMs)) {
      const until = hold.untilMs === null ? '' : ` until ${this.#wall.words(hold.untilMs)}`;
      return { for: 'hold', words: `held by an operator${until}: ${hold.reason}` };
    }
    const { windows } = this.#updates;
    if (isOpen(windows, this.#wall, nowMs)) return null;
    const opensMs = this.#opening(nowMs);
    const words = opensMs === null ? 'never opens' : `opens ${this.#wall.words(opensMs)}`;
    return { for: 'window', words: `the maintenance window ${words}` };
  }

  #opening(nowMs: number): number | null {
    const known = this.#opens;
    if (known && nowMs >= known.fromMs && (known.atMs === null || nowMs < known.atMs)) return known.atMs;
    const atMs = nextOpening(this.#updates.windows, this.#wall, nowMs);
    this.#opens = { fromMs: nowMs, atMs };
    return atMs;
  }
}

export function isInForce(hold: Hold, nowMs: number): boolean {
  return hold.untilMs === null || nowMs < hold.untilMs;
}
