import { describe, expect, it } from 'vitest';
import { type SlotFacts, silences } from '../../../agent/monitor/silence.ts';
import { SilenceMonitor } from '../../../agent/monitor/silence-monitor.ts';
import type { NewEvent } from '../../../agent/store/records.ts';
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
const keys = (facts: SlotFacts) => silences(NOW, [facts], null).map(({ key }) => key);

describe('silence', () => {
  it('is no alarm while samples and predictions come', () => {
    expect(keys(slot())).toEqual([]);
  });

  it('of a source is an alarm after 5 s, or 20 usual gaps where that is longer', () => {
    const at = NOW - 6000;
    expect(keys(slot({ lastSampleMs: at, lastPredictionMs: at }))).toEqual(['samples/inspection']);
    expect(keys(slot({ lastSampleMs: at, lastPredictionMs: at, usualGapMs: 1000 }))).toEqual([]);
  });

  it('of a source that was never heard is an alarm after 15 s', () => {
    const never = { lastSampleMs: null, lastPredictionMs: null };
    expect(keys(slot({ ...never, startedMs: NOW - 14_000 }))).toEqual([]);
    expect(keys(slot({ ...never, startedMs: NOW - 16_000 }))).toEqual(['samples/inspection']);
  });

  it('of a finite source that has delivered all is none', () => {
    expect(keys(slot({ lastSampleMs: 0, lastPredictionMs: 0, sourceDone: true }))).toEqual([]);
  });

  it('of the model is an alarm while samples come', () => {
    expect(keys(slot({ lastPredictionMs: NOW - 12_000 }))).toEqual(['predictions/inspection']);
    expect(keys(slot({ lastPredictionMs: null }))).toEqual(['predictions/inspection']);
  });

  it('of the server is a warning that says nothing is lost', () => {
    const link = { connected: true, settledMs: NOW - 21_000 };
    const [silence] = silences(NOW, [], link);
    expect(silence).toMatchObject({
      key: 'acks',
      severity: 'warning',
      next: expect.stringContaining('Nothing is lost'),
    });
    expect(silences(NOW, [], { ...link, connected: false })).toEqual([]);
    expect(silences(NOW, [], { ...link, settledMs: NOW - 19_000 })).toEqual([]);
  });
});

describe('the silence monitor', () => {
  it('tells once when a silence begins and once when it ends', () => {
    const clock = new TestClock();
    const told: NewEvent[] = [];
    let facts = slot();
    const monitor = new SilenceMonitor({
      slots: () => [facts],
      link: () => null,
      tell: (event) => told.push(event),
      clock,
    });
    const nowMs = () => clock.monotonicUs() / 1000;
    facts = slot({ lastSampleMs: nowMs(), lastPredictionMs: nowMs() });
    monitor.check();
    clock.advance(6000);
    monitor.check();
    monitor.check();
    expect(monitor.problems().map(({ key }) => key)).toEqual(['samples/inspection']);
    facts = slot({ lastSampleMs: nowMs(), lastPredictionMs: nowMs() });
    monitor.check();
    expect(monitor.problems()).toEqual([]);
    expect(told.map(({ kind, severity, slot: of }) => [kind, severity, of])).toEqual([
      ['silence', 'alarm', 'inspection'],
      ['silence-ended', 'info', 'inspection'],
    ]);
  });

  it('counts the server’s silence only from when something waits for it', () => {
    const clock = new TestClock();
    const link = { connected: true, acked: 5, waiting: 0 };
    const monitor = new SilenceMonitor({ slots: () => [], link: () => link, tell: () => {}, clock });
    const problemsAfter = (ms: number) => {
      clock.advance(ms);
      monitor.check();
      return monitor.problems().length;
    };
    expect(problemsAfter(3_600_000)).toBe(0);
    link.waiting = 1;
    expect(problemsAfter(1000)).toBe(0);
    expect(problemsAfter(20_000)).toBe(1);
    link.acked = 6;
    expect(problemsAfter(1000)).toBe(0);
    link.connected = false;
    expect(problemsAfter(3_600_000)).toBe(0);
  });
});
