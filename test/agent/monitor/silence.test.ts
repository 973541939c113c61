import { describe, expect, it } from 'vitest';
import { type SlotFacts, silences } from '../../../agent/monitor/silence.ts';
import { SilenceWatch } from '../../../agent/monitor/silence-watch.ts';
import { TestClock } from '../store/temp-store.ts';

const NOW = 1_000_000;
const slot = (over: Partial<SlotFacts> = {}): SlotFacts => ({
  slot: 'inspection',
  source: 'line',
  startedMs: 0,
  lastSampleMs: NOW - 50,
  usualGapMs: 20,
  lastPredictionMs: NOW - 40,
  sourceDone: false,
  ...over,
});
const codes = (facts: SlotFacts) => silences(NOW, [facts], null).map(({ code }) => code);

describe('silence', () => {
  it('is no alarm while samples and predictions come', () => {
    expect(codes(slot())).toEqual([]);
  });

  it('of a source is an alarm after 5 s, or 20 usual gaps where that is longer', () => {
    const at = NOW - 6000;
    expect(codes(slot({ lastSampleMs: at, lastPredictionMs: at }))).toEqual(['no-samples']);
    expect(codes(slot({ lastSampleMs: at, lastPredictionMs: at, usualGapMs: 1000 }))).toEqual([]);
  });

  it('of a source that was never heard is an alarm after 15 s', () => {
    const never = { lastSampleMs: null, lastPredictionMs: null };
    expect(codes(slot({ ...never, startedMs: NOW - 14_000 }))).toEqual([]);
    expect(codes(slot({ ...never, startedMs: NOW - 16_000 }))).toEqual(['no-samples']);
  });

  it('of a finite source that has delivered all is none', () => {
    expect(codes(slot({ lastSampleMs: 0, lastPredictionMs: 0, sourceDone: true }))).toEqual([]);
  });

  it('of the model is an alarm while samples come', () => {
    expect(codes(slot({ lastPredictionMs: NOW - 12_000 }))).toEqual(['no-predictions']);
    expect(codes(slot({ lastPredictionMs: null }))).toEqual(['no-predictions']);
  });

  it('of the server is a warning that says nothing is lost', () => {
    const link = { connected: true, settledMs: NOW - 21_000 };
    const [silence] = silences(NOW, [], link);
    expect(silence).toMatchObject({
      code: 'no-acknowledgements',
      severity: 'warning',
      next: expect.stringContaining('Nothing is lost'),
    });
    expect(silences(NOW, [], { ...link, connected: false })).toEqual([]);
    expect(silences(NOW, [], { ...link, settledMs: NOW - 19_000 })).toEqual([]);
  });
});

it('counts the server’s silence only from when something waits for it', () => {
  const clock = new TestClock();
  const link = { connected: true, acked: 5, waiting: 0 };
  const watch = new SilenceWatch({ slots: () => [], link: () => link, clock });
  const causesAfter = (ms: number) => {
    clock.advance(ms);
    return watch.causes().length;
  };
  expect(causesAfter(3_600_000)).toBe(0);
  link.waiting = 1;
  expect(causesAfter(1000)).toBe(0);
  expect(causesAfter(20_000)).toBe(1);
  link.acked = 6;
  expect(causesAfter(1000)).toBe(0);
  link.connected = false;
  expect(causesAfter(3_600_000)).toBe(0);
});
