import { describe, expect, it } from 'vitest';
import { Guard } from '../../../agent/models/guard.ts';

const limits = { predictions: 200, forMs: 1000, maxErrorRate: 0.01, maxSlowdown: 10 };

describe('the guard of a model', () => {
  it('commits after enough predictions and enough time, not before', () => {
    const guard = new Guard(limits, 0);
    guard.observe('ok', 200);
    expect(guard.trialVerdict(999).kind).toBe('wait');
    expect(guard.trialVerdict(1000).kind).toBe('commit');
    const slow = new Guard(limits, 0);
    slow.observe('ok', 199);
    expect(slow.trialVerdict(5000).kind).toBe('wait');
  });

  it('bears as many errors as the rate allows a whole probation, and fails at the next', () => {
    const guard = new Guard(limits, 0);
    guard.observe('error', 2);
    expect(guard.trialVerdict(0).kind).toBe('wait');
    guard.observe('error', 1);
    expect(guard.trialVerdict(0)).toEqual({ kind: 'fail', reason: '3 errors in 3 predictions' });
  });

  it('fails a model at once whose work crashed or hung the engine', () => {
    for (const cause of ['crash', 'hang'] as const) {
      const guard = new Guard(limits, 0);
      guard.engineDied(cause, 10);
      expect(guard.trialVerdict(10).kind).toBe('fail');
      expect(guard.steadyVerdict().kind).toBe('fail');
    }
  });

  it('does not hold one kill from outside against a model, but three within a minute', () => {
    const guard = new Guard(limits, 0);
    guard.engineDied('killed', 0);
    guard.engineDied('killed', 61_000);
    guard.engineDied('killed', 90_000);
    expect(guard.trialVerdict(90_000).kind).toBe('wait');
    guard.engineDied('killed', 100_000);
    expect(guard.trialVerdict(100_000).kind).toBe('fail');
  });

  it('fails a committed model after ten errors in a row, not after ten among successes', () => {
    const guard = new Guard(limits, 0);
    for (let i = 0; i < 20; i++) guard.observe(i % 2 === 0 ? 'error' : 'ok', 1);
    expect(guard.steadyVerdict().kind).toBe('wait');
    guard.observe('error', 10);
    expect(guard.steadyVerdict().kind).toBe('fail');
  });

  it('goes back from a model when more than one batch of a hundred is over the time that the slot allows a row', () => {
    const guard = new Guard({ ...limits, latencyP99Ms: 5 }, 0);
    guard.observe('ok', 10, 40_000);
    guard.observe('ok', 1, 6000);
    guard.observe('ok', 1, 6000);
    expect(guard.trialVerdict(0).kind).toBe('wait');
    guard.observe('ok', 2, 12_000);
    expect(guard.trialVerdict(0)).toEqual({
      kind: 'fail',
      reason: '3 of 4 batches took longer than the 5 ms a row that this slot allows',
    });
  });

  it('goes back from a model that is many times as slow as the one before, where a line can feel it', () => {
    const slow = new Guard(limits, 0, 2);
    for (let i = 0; i < 20; i++) slow.observe('ok', 1, 25_000);
    expect(slow.trialVerdict(0)).toMatchObject({
      kind: 'fail',
      reason: expect.stringContaining('times as long'),
    });
    const notFelt = new Guard(limits, 0, 0.02);
    for (let i = 0; i < 20; i++) notFelt.observe('ok', 1, 9000);
    expect(notFelt.trialVerdict(0).kind).toBe('wait');
    const alike = new Guard(limits, 0, 20);
    for (let i = 0; i < 20; i++) alike.observe('ok', 1, 150_000);
    expect(alike.trialVerdict(0).kind).toBe('wait');
  });

  it('takes samples that come and give no prediction as the fault of a newcomer that cannot read them', () => {
    const guard = new Guard(limits, 0);
    guard.observe('unreadable', 19);
    expect(guard.trialVerdict(0).kind).toBe('wait');
    guard.observe('unreadable', 1);
    expect(guard.trialVerdict(0)).toEqual({
      kind: 'fail',
      reason: 'it can read 0 of 20 samples of this line',
    });
    const mostly = new Guard(limits, 0);
    mostly.observe('ok', 30);
    mostly.observe('unreadable', 25);
    expect(mostly.trialVerdict(0).kind).toBe('wait');
  });
});
