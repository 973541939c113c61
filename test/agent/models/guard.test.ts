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
});
