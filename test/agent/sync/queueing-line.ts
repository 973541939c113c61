/** A line on which records wait for each other, in simulated time: what a send window makes of it. */
import { SendWindow } from '../../../agent/sync/send-window.ts';

export interface QueueingLine {
  /** From the end of the queue to the acknowledgement, at that time. */
  readonly latencyMs: (nowMs: number) => number;
  readonly recordsPerS: number;
  /** What the device records meanwhile. */
  readonly madePerS: number;
  /** What waits at first. */
  readonly backlog: number;
}

export interface Played {
  readonly acknowledged: number;
  /** Recorded and not acknowledged at the end. */
  readonly waiting: number;
  /** Of the second half, the least first. */
  readonly roundTripsMs: readonly number[];
}

const STEP_MS = 5;

export function playLine(line: QueueingLine, forMs: number): Played {
  const window = new SendWindow({ batches: 8, batchRecords: 4096 }, 0);
  const underWay: { readonly atMs: number; readonly seq: number; readonly sentMs: number }[] = [];
  const roundTripsMs: number[] = [];
  let made = line.backlog;
  let freeMs = 0;
  for (let nowMs = 0; nowMs < forMs; nowMs += STEP_MS) {
    made += (line.madePerS * STEP_MS) / 1000;
    for (let next = underWay[0]; next && next.atMs <= nowMs; next = underWay[0]) {
      underWay.shift();
      window.acknowledged(next.seq, nowMs);
      if (nowMs > forMs / 2) roundTripsMs.push(nowMs - next.sentMs);
    }
    window.goBackIfDue(nowMs, false);
    for (;;) {
      const room = window.room();
      const count = Math.min(room, Math.floor(made) - window.lastSent);
      // As the uploader does: what is less than a full batch goes when nothing else is on the way.
      if (count <= 0 || (count < room && !window.idle)) break;
      freeMs = Math.max(freeMs, nowMs) + (count / line.recordsPerS) * 1000;
      window.sent(window.lastSent + count, count, nowMs);
      const atMs = Math.max(freeMs + line.latencyMs(nowMs), underWay.at(-1)?.atMs ?? 0);
      underWay.push({ atMs, seq: window.lastSent, sentMs: nowMs });
    }
  }
  roundTripsMs.sort((a, b) => a - b);
  return { acknowledged: window.base, waiting: made - window.base, roundTripsMs };
}
