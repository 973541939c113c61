/** The window as a pure thing: whatever the line does, nothing is skipped and nothing is believed before its time. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../../agent/sources/random.ts';
import { SendWindow } from '../../../agent/sync/send-window.ts';
import { playLine } from './queueing-line.ts';

const options = { batches: 4, batchRecords: 100 };

type Step =
  | { kind: 'send' }
  | { kind: 'arrive'; lost: boolean }
  | { kind: 'hear'; lost: boolean }
  | { kind: 'wait'; ms: number }
  | { kind: 'reconnect' };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Step>({ kind: 'send' }) },
  { weight: 4, arbitrary: fc.boolean().map<Step>((lost) => ({ kind: 'arrive', lost })) },
  { weight: 4, arbitrary: fc.boolean().map<Step>((lost) => ({ kind: 'hear', lost })) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 3000 }).map<Step>((ms) => ({ kind: 'wait', ms })) },
  fc.constant<Step>({ kind: 'reconnect' }),
);

/** A line that loses what it likes but keeps order, and a server that commits only what follows on what it has. */
class World {
  readonly head = 1000;
  readonly window = new SendWindow(options, 0);
  committed = 0;
  nowMs = 0;
  /** What the store's cursor would be. */
  cursor = 0;
  #up: { first: number; last: number }[] = [];
  #down: number[] = [];

  run(step: Step): void {
    if (step.kind === 'send') this.send();
    if (step.kind === 'arrive') this.#arrive(step.lost);
    if (step.kind === 'hear') this.#hear(step.lost);
    if (step.kind === 'wait') {
      this.nowMs += step.ms;
      this.window.goBackIfDue(this.nowMs, false);
    }
    if (step.kind === 'reconnect') {
      this.#up = [];
      this.#down = [];
      this.window.restart(this.cursor);
    }
  }

  send(): void {
    const count = Math.min(this.window.room(), this.head - this.window.lastSent);
    if (count === 0) return;
    const last = this.window.lastSent + count;
    this.#up.push({ first: this.window.lastSent + 1, last });
    this.window.sent(last, count, this.nowMs);
  }

  #arrive(lost: boolean): void {
    const batch = this.#up.shift();
    if (!batch || lost) return;
    if (batch.first <= this.committed + 1) this.committed = Math.max(this.committed, batch.last);
    this.#down.push(this.committed);
  }

  #hear(lost: boolean): void {
    const seq = this.#down.shift();
    if (seq === undefined || lost) return;
    if (this.window.acknowledged(seq, this.nowMs)) this.cursor = Math.max(this.cursor, seq);
  }
}

describe('the send window', () => {
  it('never moves past what the server has, and always gets everything through once the line is good', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const world = new World();
        for (const each of steps) {
          world.run(each);
          expect(world.cursor).toBeLessThanOrEqual(world.committed);
          expect(world.window.base).toBeLessThanOrEqual(world.committed);
          expect(world.window.room()).toBeLessThanOrEqual(options.batchRecords);
        }
        for (let i = 0; i < 500 && world.cursor < world.head; i++) {
          for (const kind of ['send', 'arrive', 'hear', 'wait'] as const)
            world.run({ kind, lost: false, ms: 500 } as Step);
        }
        expect(world.cursor).toBe(world.head);
        expect(world.window.idle).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('holds at most the configured number of batches', () => {
    const window = new SendWindow(options, 0);
    let sent = 0;
    while (window.room() > 0 && sent < 100) {
      window.sent(window.lastSent + 1, 1, 0);
      sent += 1;
    }
    expect(sent).toBe(options.batches);
  });

  it('waits for the deadline before it goes back, and longer each time', () => {
    const window = new SendWindow(options, 0);
    window.sent(10, 10, 0);
    expect(window.goBackIfDue(4999, false)).toBe(false);
    expect(window.goBackIfDue(5000, false)).toBe(true);
    expect(window.lastSent).toBe(0);
    window.sent(10, 10, 5000);
    expect(window.goBackIfDue(14_999, false)).toBe(false);
    expect(window.goBackIfDue(15_000, false)).toBe(true);
  });

  it('knows what is unanswered and what it sends a second time, over going back and a new connection', () => {
    const window = new SendWindow(options, 0);
    expect([window.unanswered, window.repeats]).toEqual([false, false]);
    window.sent(10, 10, 0);
    expect([window.unanswered, window.repeats]).toEqual([true, false]);
    window.goBackIfDue(5000, false);
    expect([window.unanswered, window.repeats]).toEqual([true, true]);
    window.restart(0);
    window.sent(6, 6, 6000);
    expect([window.unanswered, window.repeats]).toEqual([true, true]);
    window.sent(10, 4, 6000);
    window.acknowledged(10, 6050);
    expect([window.unanswered, window.repeats]).toEqual([false, false]);
  });

  it('begins with little on every connection', () => {
    const window = new SendWindow({ batches: 8, batchRecords: 4096 }, 0);
    const first = window.fullBatch;
    for (let seq = first; seq < 20_000; seq += window.fullBatch) {
      window.sent(seq, seq - window.base, 0);
      window.acknowledged(seq, 10);
    }
    expect(window.fullBatch).toBe(4096);
    window.restart(window.base);
    expect(window.fullBatch).toBe(first);
  });

  it('does not go back while the broker has not even taken the batch', () => {
    const window = new SendWindow(options, 0);
    window.sent(10, 10, 0);
    expect(window.goBackIfDue(6000, true)).toBe(false);
    expect(window.lastSent).toBe(10);
  });

  it('does not take the echo of a batch sent twice for a request when progress follows', () => {
    const window = new SendWindow(options, 0);
    window.sent(10, 10, 0);
    window.acknowledged(10, 50);
    window.sent(20, 10, 60);
    window.acknowledged(10, 70);
    window.acknowledged(20, 110);
    expect(window.goBackIfDue(1000, false)).toBe(false);
    expect(window.base).toBe(20);
  });

  it('goes back soon, and to where the server asks, when it repeats an acknowledgement and no progress follows', () => {
    const window = new SendWindow(options, 0);
    window.sent(10, 10, 0);
    window.acknowledged(10, 50);
    window.sent(20, 10, 60);
    window.sent(30, 10, 70);
    window.acknowledged(10, 110);
    expect(window.goBackIfDue(209, false)).toBe(false);
    expect(window.goBackIfDue(210, false)).toBe(true);
    expect(window.lastSent).toBe(10);
    window.acknowledged(4, 220);
    expect(window.goBackIfDue(400, false)).toBe(false);
  });

  it('goes back behind its base for a server that was set back to an older state', () => {
    const window = new SendWindow(options, 0);
    window.sent(10, 10, 0);
    window.acknowledged(10, 50);
    window.acknowledged(4, 60);
    expect(window.goBackIfDue(160, false)).toBe(true);
    expect([window.base, window.lastSent]).toEqual([4, 4]);
  });

  it('keeps the queue of a thin line short', () => {
    const thin = { latencyMs: () => 40, recordsPerS: 2900, madePerS: 0, backlog: 1_000_000 };
    const { acknowledged, roundTripsMs } = playLine(thin, 60_000);
    expect(roundTripsMs.at(-1)).toBeLessThan(1000);
    expect(acknowledged).toBeGreaterThan(0.9 * 60 * thin.recordsPerS);
  });

  it('uses a wide line that answers late by itself', () => {
    const satellite = { latencyMs: () => 700, recordsPerS: 20_000, madePerS: 0, backlog: 10_000_000 };
    const { acknowledged, roundTripsMs } = playLine(satellite, 60_000);
    expect(acknowledged).toBeGreaterThan(0.4 * 60 * satellite.recordsPerS);
    expect(roundTripsMs.at(-1)).toBeLessThan(700 + 1500);
  });

  it.each([1200, 2500])(
    'does not fall behind a slow stream of records where each answer takes %i ms',
    (ms) => {
      const random = new Random(7);
      const busy = {
        latencyMs: () => ms * (0.8 + 0.4 * random.uniform()),
        recordsPerS: 100_000,
        madePerS: 130,
      };
      expect(playLine({ ...busy, backlog: 0 }, 120_000).waiting).toBeLessThan(10 * 130);
    },
  );

  it('does not fall behind while a machine is short of processor for a minute', () => {
    const latencyMs = (nowMs: number) => (nowMs > 30_000 && nowMs < 90_000 ? 2000 : 20);
    const line = { latencyMs, recordsPerS: 1000, madePerS: 130, backlog: 0 };
    expect(playLine(line, 90_000).waiting).toBeLessThan(10 * 130);
    expect(playLine(line, 120_000).roundTripsMs[0]).toBeLessThan(100);
  });
});
