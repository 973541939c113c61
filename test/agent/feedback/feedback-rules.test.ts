import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { ClockJumps } from '../../../agent/clock-jumps.ts';
import { feedbackRulesSchema } from '../../../agent/config/feedback.ts';
import { FeedbackRules } from '../../../agent/feedback/feedback-rules.ts';
import type { LineEvent } from '../../../agent/sources/source.ts';
import type { Store } from '../../../agent/store/store.ts';
import { Counters } from '../../../daemon/counters.ts';
import { waitFor } from '../../support/wait-for.ts';
import {
  closeStore,
  NOW_MS,
  newPrediction,
  openTempStore,
  record,
  silentLog,
  TestClock,
  tempFolder,
} from '../store/temp-store.ts';

const failed = { name: 'failed', when: 'event', event: 'machine-failed', label: 'failure' };
const survived = {
  name: 'survived',
  when: 'absence',
  event: 'machine-failed',
  withinMs: 2000,
  label: 'ok',
  weight: 0.9,
};

const running: FeedbackRules[] = [];
afterEach(async () => {
  for (const rules of running.splice(0)) await rules.stop();
});

interface Setting {
  readonly store: Store;
  readonly rules: FeedbackRules;
  readonly clock: TestClock;
  readonly counters: Counters;
}

function start(
  over: {
    folder?: string;
    clock?: TestClock;
    labels?: () => string[] | undefined;
    rules?: unknown[];
    jumps?: ClockJumps;
  } = {},
): Setting {
  const clock = over.clock ?? new TestClock();
  const { store } = openTempStore({ clock, ...(over.folder && { folder: over.folder }) });
  const counters = new Counters();
  const rules = new FeedbackRules({
    store,
    slots: {
      inspection: { feedback: feedbackRulesSchema.parse(over.rules ?? [failed, survived]) },
      other: { feedback: [] },
    },
    labelsOf: over.labels ?? (() => ['ok', 'failure']),
    clock,
    ...(over.jumps && { jumps: over.jumps }),
    log: silentLog,
    counters,
  });
  rules.start();
  running.push(rules);
  return { store, rules, clock, counters };
}

function machineFailed(correlationId: string | null, timeMs = NOW_MS): LineEvent {
  return { timeMs, kind: 'machine-failed', correlationId, station: 'mill-1' };
}

/** Waits until the passes have come past everything recorded so far: two whole passes, each ending with a commit. */
async function passes({ rules, store }: Setting): Promise<void> {
  await rules.onLineEvents([machineFailed(null)]);
  await store.recorder.events([]);
  await rules.onLineEvents([machineFailed(null)]);
}

function feedbackOf(store: Store) {
  return store.streams.read('feedback', 0, 1000).records;
}

describe('feedback from line events', () => {
  it('labels the newest prediction of the part', async () => {
    const { store, rules } = start();
    await record(store, [newPrediction({ correlationId: 'L1' }), newPrediction({ correlationId: 'L1' })]);
    await rules.onLineEvents([machineFailed('L1')]);
    expect(feedbackOf(store)).toMatchObject([
      {
        predictionSeq: 2,
        kind: 'implicit',
        label: 1,
        weight: 1,
        rule: 'failed',
        evidence: 'machine-failed at mill-1',
      },
    ]);
  });

  it('is applied to a prediction that is recorded only after the event', async () => {
    const setting = start();
    const { store, rules } = setting;
    await rules.onLineEvents([machineFailed('L1')]);
    expect(feedbackOf(store)).toEqual([]);
    await record(store, [newPrediction({ correlationId: 'L1' })]);
    await waitFor('the next pass', () => feedbackOf(store).length === 1);
    expect(store.predictions.labelOf(1)?.label).toBe(1);
  });

  it('gives up on an event whose prediction does not come, and counts it', async () => {
    const setting = start();
    await setting.rules.onLineEvents([machineFailed('L9')]);
    setting.clock.advance(30_000);
    await passes(setting);
    expect(setting.counters.get('feedback.event-without-prediction')).toBe(1);
    await record(setting.store, [newPrediction({ correlationId: 'L9' })]);
    await passes(setting);
    expect(feedbackOf(setting.store)).toEqual([]);
  });
});

describe('feedback when the clock is set back', () => {
  it('does not keep an event waiting until the clock has caught up', async () => {
    const setting = start();
    await setting.rules.onLineEvents([machineFailed('L9')]);
    setting.clock.advance(-3_600_000);
    await passes(setting);
    expect(setting.counters.get('feedback.event-without-prediction')).toBe(1);
  });
});

describe('feedback when the clock jumps', () => {
  it('takes no silence for evidence when the time did not really pass', async () => {
    const clock = new TestClock();
    // The monotonic clock stands still: what the wall clock moves is a jump.
    const jumps = new ClockJumps({ wallMs: clock.wallMs, monotonicUs: () => 0 }, () => undefined);
    const setting = start({ clock, jumps });
    const { store, counters } = setting;
    await record(store, [newPrediction({ correlationId: 'L1' })]);
    clock.advance(3 * 3_600_000);
    await passes(setting);
    expect(store.predictions.labelOf(1)).toBeUndefined();
    expect(counters.get('feedback.absence-not-observed')).toBe(1);
  });

  it('looks for the parts before an event among those made since', async () => {
    const clock = new TestClock();
    const { store } = start({ clock });
    const made = (timeMs: number) => newPrediction({ timeMs });
    await record(store, [made(NOW_MS), made(NOW_MS + 1000), made(NOW_MS + 2000)]);
    store.predictions.timesBeginAnew();
    await record(store, [made(NOW_MS + 500), made(NOW_MS + 1500)]);
    const found = store.predictions.madeBetween('inspection', NOW_MS, NOW_MS + 1600, 10);
    expect(found.map(({ seq }) => seq)).toEqual([4, 5]);
  });
});

describe('feedback over a long history', () => {
  /** 8000 predictions of an earlier run: four passes of an absence rule. */
  async function history(): Promise<string> {
    const folder = tempFolder();
    const { store } = openTempStore({ folder });
    const many = Array.from({ length: 2000 }, () => newPrediction({ correlationId: 'L1', timeMs: 0 }));
    for (let i = 0; i < 4; i++) await record(store, many);
    await closeStore(store);
    return folder;
  }

  it('stops in the middle of it, and goes on from there', async () => {
    const folder = await history();
    const before = start({ folder });
    await before.rules.stop();
    running.pop();
    await closeStore(before.store);
    const after = start({ folder });
    await passes(after);
    const judged = [before, after].map(({ counters }) => counters.get('feedback.absence-not-observed'));
    expect(judged).toEqual([2000, 6000]);
  });

  it('gives other work its turn between two passes', async () => {
    const folder = await history();
    let turn = 0;
    const looksInTurn = new Map<number, number>();
    const labels = () => {
      looksInTurn.set(turn, (looksInTurn.get(turn) ?? 0) + 1);
      return ['ok', 'failure'];
    };
    const setting = start({ folder, labels });
    let ticking = true;
    const tick = () => {
      turn += 1;
      if (ticking) setImmediate(tick);
    };
    tick();
    await passes(setting);
    ticking = false;
    expect(setting.counters.get('feedback.absence-not-observed')).toBe(8000);
    expect(Math.max(...looksInTurn.values())).toBeLessThanOrEqual(2);
  });
});

describe('feedback from the absence of an event', () => {
  it('comes when the window has passed, and not before', async () => {
    const setting = start();
    const { store, clock } = setting;
    await record(store, [newPrediction({ correlationId: 'L1' }), newPrediction({ correlationId: null })]);
    clock.advance(1999);
    await passes(setting);
    expect(feedbackOf(store)).toEqual([]);
    clock.advance(1);
    await passes(setting);
    expect(feedbackOf(store)).toMatchObject([
      {
        predictionSeq: 1,
        label: 0,
        weight: 0.9,
        rule: 'survived',
        evidence: 'no machine-failed within 2 seconds',
      },
    ]);
    clock.advance(60_000);
    await passes(setting);
    expect(feedbackOf(store)).toHaveLength(1);
  });

  it('does not come when the event came', async () => {
    const setting = start();
    await record(setting.store, [newPrediction({ correlationId: 'L1' })]);
    await setting.rules.onLineEvents([machineFailed('L1')]);
    setting.clock.advance(5000);
    await passes(setting);
    expect(feedbackOf(setting.store).map(({ rule }) => rule)).toEqual(['failed']);
  });

  it('is revised by an event that comes late', async () => {
    const setting = start();
    await record(setting.store, [newPrediction({ correlationId: 'L1' })]);
    setting.clock.advance(5000);
    await passes(setting);
    expect(setting.store.predictions.labelOf(1)?.label).toBe(0);
    await setting.rules.onLineEvents([machineFailed('L1', NOW_MS + 5000)]);
    expect(setting.store.predictions.labelOf(1)).toMatchObject({ label: 1, rule: 'failed' });
  });

  it('is not concluded for time in which nobody listened', async () => {
    const folder = tempFolder();
    const clock = new TestClock();
    const before = start({ folder, clock });
    await record(before.store, [newPrediction({ correlationId: 'heard', timeMs: NOW_MS - 2000 })]);
    await passes(before);
    await record(before.store, [newPrediction({ correlationId: 'unheard' })]);
    await before.rules.stop();
    running.pop();
    await closeStore(before.store);

    clock.advance(3_600_000);
    const after = start({ folder, clock });
    await passes(after);
    expect(feedbackOf(after.store).map(({ predictionSeq }) => predictionSeq)).toEqual([1]);
    expect(after.counters.get('feedback.absence-not-observed')).toBe(1);
  });
});

describe('evidence that is late', () => {
  it('takes back the silence that it breaks, though it says itself that it happened before the deadline', async () => {
    const setting = start();
    const { store, clock, rules } = setting;
    await record(store, [newPrediction({ correlationId: 'L1' })]);
    clock.advance(5000);
    await passes(setting);
    expect(store.predictions.labelOf(1)).toMatchObject({ label: 0, rule: 'survived' });
    clock.advance(3 * 24 * 3_600_000);
    await rules.onLineEvents([machineFailed('L1', NOW_MS + 500)]);
    expect(store.predictions.labelOf(1)).toMatchObject({ label: 1, rule: 'failed' });
    expect(store.predictions.evidenceOf(1)).toMatchObject([
      { rule: 'survived', withdrawn: false, observedMs: NOW_MS + 2000 },
      { rule: 'failed', withdrawn: false, observedMs: NOW_MS + 500 },
      { rule: 'survived', withdrawn: true, evidence: expect.stringContaining('taken back: machine-failed') },
    ]);
    await rules.onLineEvents([machineFailed('L1', NOW_MS + 500)]);
    expect(store.predictions.evidenceOf(1)).toHaveLength(3);
  });

  it('is said by when it happened: the later scan stands, whichever is heard first', async () => {
    const scans = [
      { name: 'scrapped', when: 'event', event: 'scrapped-downstream', label: 'failure' },
      { name: 'passed', when: 'event', event: 'passed-downstream', label: 'ok' },
    ];
    const passed = { timeMs: NOW_MS + 9000, kind: 'passed-downstream', correlationId: 'L1', station: null };
    const scrapped = { ...passed, timeMs: NOW_MS + 4000, kind: 'scrapped-downstream' };
    for (const heard of [
      [passed, scrapped],
      [scrapped, passed],
    ]) {
      const setting = start({ rules: scans });
      await record(setting.store, [newPrediction({ correlationId: 'L1' })]);
      for (const event of heard) await setting.rules.onLineEvents([event]);
      expect(setting.store.predictions.labelOf(1)).toMatchObject({ rule: 'passed', label: 0 });
    }
  });

  it('gives the same label in whatever order it is heard, before or after the silence was concluded from', async () => {
    const rules = [
      failed,
      survived,
      { name: 'scrapped', when: 'event', event: 'scrapped-downstream', label: 'failure', precedence: 700 },
      { name: 'passed', when: 'event', event: 'passed-downstream', label: 'ok', precedence: 600 },
    ];
    const heard = fc.record({
      kind: fc.constantFrom('machine-failed', 'scrapped-downstream', 'passed-downstream'),
      afterMs: fc.integer({ min: -1000, max: 4000 }),
      beforeDeadline: fc.boolean(),
    });
    const labelAfter = async (events: readonly LineEvent[], early: readonly boolean[]) => {
      const setting = start({ rules });
      await record(setting.store, [newPrediction({ correlationId: 'L1' })]);
      await setting.rules.onLineEvents(events.filter((_, i) => early[i]));
      setting.clock.advance(3000);
      await passes(setting);
      await setting.rules.onLineEvents(events.filter((_, i) => !early[i]));
      await passes(setting);
      const label = setting.store.predictions.labelOf(1);
      await setting.rules.stop();
      running.splice(running.indexOf(setting.rules), 1);
      await closeStore(setting.store);
      return label && { label: label.label, rule: label.rule };
    };
    await fc.assert(
      fc.asyncProperty(fc.array(heard, { maxLength: 4 }), async (all) => {
        const events = all.map(({ kind, afterMs }) => ({ ...machineFailed('L1', NOW_MS + afterMs), kind }));
        const early = all.map(({ beforeDeadline }) => beforeDeadline);
        const first = await labelAfter(events, early);
        const reversed = await labelAfter(events.toReversed(), early.map((one) => !one).toReversed());
        expect(reversed).toEqual(first);
      }),
      { numRuns: 15 },
    );
  }, 60_000);

  it('of a fault that repeats itself without end is kept sixteen times', async () => {
    const setting = start({ rules: [failed] });
    await record(setting.store, [newPrediction({ correlationId: 'L1' })]);
    for (let i = 0; i < 20; i++) await setting.rules.onLineEvents([machineFailed('L1', NOW_MS + i)]);
    expect(setting.store.predictions.evidenceOf(1)).toHaveLength(16);
    expect(setting.counters.get('feedback.said-too-often')).toBe(4);
  });
});

describe('an event that names no part', () => {
  const gate = {
    name: 'rejected',
    when: 'event',
    event: 'reject-gate-fired',
    label: 'failure',
    afterMs: 4000,
    withinMs: 6000,
    at: { station: 'gate-2', clearByMs: 500 },
  };
  const fired = (timeMs: number, station = 'gate-2'): LineEvent => ({
    timeMs,
    kind: 'reject-gate-fired',
    correlationId: null,
    station,
  });
  const partsAt = (...agesMs: number[]) => agesMs.map((ageMs) => newPrediction({ timeMs: NOW_MS - ageMs }));

  /** Tells the event, and waits for it to be settled. */
  async function tell(setting: Setting, event: LineEvent): Promise<void> {
    await setting.rules.onLineEvents([event]);
    expect(feedbackOf(setting.store)).toEqual([]);
    setting.clock.advance(1000);
    await passes(setting);
  }

  it('is about the part judged nearest to the usual way before it', async () => {
    const setting = start({ rules: [gate] });
    await record(setting.store, partsAt(7000, 5800, 5100, 3000));
    await tell(setting, fired(NOW_MS));
    expect(feedbackOf(setting.store)).toMatchObject([
      { predictionSeq: 3, label: 1, evidence: 'reject-gate-fired at gate-2, matched by time' },
    ]);
  });

  it('gives nobody a label where two parts are as near, and counts that', async () => {
    const setting = start({ rules: [gate] });
    await record(setting.store, partsAt(5300, 4700));
    await tell(setting, fired(NOW_MS));
    expect(feedbackOf(setting.store)).toEqual([]);
    expect(setting.counters.get('feedback.event-ambiguous')).toBe(1);
  });

  it('is not about this slot at another station', async () => {
    const setting = start({ rules: [gate] });
    await record(setting.store, partsAt(5000));
    await tell(setting, fired(NOW_MS, 'gate-3'));
    expect(feedbackOf(setting.store)).toEqual([]);
  });

  it('breaks the silence of every part that it could be about', async () => {
    const quiet = {
      name: 'not-rejected',
      when: 'absence',
      event: 'reject-gate-fired',
      withinMs: 6000,
      label: 'ok',
      at: { station: 'gate-2', afterMs: 500 },
    };
    const setting = start({ rules: [quiet] });
    await record(setting.store, partsAt(2000, 1000));
    setting.clock.advance(3000);
    await setting.rules.onLineEvents([fired(NOW_MS + 3000)]);
    setting.clock.advance(20_000);
    await passes(setting);
    expect(feedbackOf(setting.store)).toEqual([]);
    await record(setting.store, [newPrediction({ timeMs: NOW_MS + 12_000 })]);
    await passes(setting);
    expect(feedbackOf(setting.store)).toMatchObject([{ predictionSeq: 3, rule: 'not-rejected' }]);
    await setting.rules.onLineEvents([fired(NOW_MS + 12_500)]);
    setting.clock.advance(1000);
    await passes(setting);
    expect(setting.store.predictions.labelOf(3)).toBeUndefined();
  });
});

describe('what operators do besides answering', () => {
  const event = (kind: string, timeMs: number, over: Partial<LineEvent> = {}): LineEvent => ({
    timeMs,
    kind,
    correlationId: 'L1',
    station: 'mill-1',
    ...over,
  });

  it('is evidence when an alarm is acknowledged late, and none when soon', async () => {
    const late = {
      name: 'acknowledged-late',
      when: 'event',
      event: 'alarm-acknowledged',
      afterMs: 30_000,
      label: 'ok',
      weight: 0.3,
    };
    const setting = start({ rules: [late] });
    const parts = ['L1', 'L2'].map((correlationId) => newPrediction({ correlationId }));
    await record(setting.store, parts);
    const acknowledged = (correlationId: string, afterMs: number) =>
      setting.rules.onLineEvents([event('alarm-acknowledged', NOW_MS + afterMs, { correlationId })]);
    await acknowledged('L1', 5000);
    await acknowledged('L2', 31_000);
    expect(feedbackOf(setting.store)).toMatchObject([{ predictionSeq: 2, weight: 0.3, label: 0 }]);
    expect(setting.counters.get('feedback.event-out-of-time')).toBe(1);
  });

  it('is evidence when an alarm is silenced and nobody does anything about it', async () => {
    const silenced = {
      name: 'silenced-without-action',
      when: 'event',
      event: 'alarm-silenced',
      unless: { event: 'machine-stopped', withinMs: 60_000 },
      label: 'ok',
      weight: 0.2,
      precedence: 100,
    };
    const setting = start({ rules: [silenced] });
    await record(
      setting.store,
      ['L1', 'L2'].map((correlationId) => newPrediction({ correlationId })),
    );
    await setting.rules.onLineEvents([
      event('alarm-silenced', NOW_MS + 100),
      event('alarm-silenced', NOW_MS + 100, { correlationId: 'L2' }),
      event('machine-stopped', NOW_MS + 900, { correlationId: 'L2' }),
    ]);
    setting.clock.advance(59_999);
    await passes(setting);
    expect(feedbackOf(setting.store)).toEqual([]);
    setting.clock.advance(1);
    await passes(setting);
    expect(feedbackOf(setting.store)).toMatchObject([{ predictionSeq: 1, weight: 0.2, precedence: 100 }]);
    expect(setting.counters.get('feedback.event-unless')).toBe(1);
  });

  it('is evidence when somebody looked at a prediction for long', async () => {
    const dwelt = {
      name: 'looked-long',
      when: 'event',
      event: 'looked-at',
      lasting: { atLeastMs: 10_000 },
      label: 'failure',
      weight: 0.1,
    };
    const setting = start({ rules: [dwelt] });
    await record(setting.store, [newPrediction(), newPrediction()]);
    const look = (predictionSeq: number, durationMs: number) =>
      event('looked-at', NOW_MS, { predictionSeq, durationMs, correlationId: null, station: null });
    await setting.rules.onLineEvents([look(1, 2000), look(2, 12_000)]);
    setting.clock.advance(1000);
    await passes(setting);
    expect(feedbackOf(setting.store)).toMatchObject([
      { predictionSeq: 2, evidence: 'looked-at for 12 seconds', weight: 0.1 },
    ]);
  });
});

describe('a decision that hides its own truth', () => {
  it('gives silence no meaning about a part that it took off the line, unless that went on by chance', async () => {
    const setting = start({ rules: [{ ...survived, seenFor: ['ok'] }] });
    const part = (correlationId: string, label: number, explored = false) =>
      newPrediction({ correlationId, label, explored, propensity: label === 1 ? 0.05 : 1 });
    await record(setting.store, [part('passed', 0), part('rejected', 1), part('explored', 1, true)]);
    setting.clock.advance(5000);
    await passes(setting);
    expect(feedbackOf(setting.store).map(({ predictionSeq }) => predictionSeq)).toEqual([1, 3]);
    expect(setting.counters.get('feedback.absence-not-seen')).toBe(1);
  });
});

describe('labels after a crash', () => {
  it('are not doubled, though the rules look again at what they had already judged', async () => {
    const folder = tempFolder();
    const clock = new TestClock();
    const before = start({ folder, clock });
    await record(before.store, [
      newPrediction({ correlationId: 'L1' }),
      newPrediction({ correlationId: 'L2' }),
    ]);
    await before.rules.onLineEvents([machineFailed('L1')]);
    clock.advance(2500);
    await passes(before);
    expect(feedbackOf(before.store)).toHaveLength(2);
    // A crash: the places reached were not saved. Here they are set back to where they would be.
    await before.rules.stop();
    running.pop();
    before.store.states.set('feedback/absence/inspection/survived', { seq: 0, untilMs: NOW_MS + 2500 });
    before.store.states.set('feedback/line-events', 0);
    await closeStore(before.store);

    const after = start({ folder, clock });
    await passes(after);
    expect(feedbackOf(after.store).map(({ predictionSeq, rule }) => [predictionSeq, rule])).toEqual([
      [1, 'failed'],
      [2, 'survived'],
    ]);
  });

  it('wait for a model that knows the label', async () => {
    let labels: string[] | undefined;
    const setting = start({ labels: () => labels });
    await record(setting.store, [newPrediction({ correlationId: 'L1' })]);
    setting.clock.advance(5000);
    await passes(setting);
    expect(feedbackOf(setting.store)).toEqual([]);
    labels = ['ok', 'failure'];
    await passes(setting);
    expect(feedbackOf(setting.store)).toHaveLength(1);
  });
});

describe('an operator’s answer', () => {
  it('is trusted as the slot says', async () => {
    const { store, rules } = start({ rules: [{ name: 'floor', when: 'answer', weight: 0.8 }] });
    const [prediction] = await record(store, [newPrediction()]);
    await rules.answer({ predictionId: prediction?.id ?? '', label: 'failure' });
    expect(feedbackOf(store)).toMatchObject([{ rule: 'operator', weight: 0.8, precedence: 1000 }]);
  });

  it('is durable when it resolves, and outweighs what rules say before and after', async () => {
    const { store, rules } = start();
    const [prediction] = await record(store, [newPrediction({ correlationId: 'L1' })]);
    await rules.answer({ predictionId: prediction?.id ?? '', label: 'ok' });
    expect(feedbackOf(store)).toMatchObject([{ kind: 'explicit', label: 0, rule: 'operator', weight: 1 }]);
    await rules.onLineEvents([machineFailed('L1')]);
    expect(feedbackOf(store)).toHaveLength(2);
    expect(store.predictions.labelOf(1)).toMatchObject({ label: 0, kind: 'explicit' });
  });

  it('can be taken back, and then the line says what it was', async () => {
    const { store, rules, clock } = start();
    const [prediction] = await record(store, [newPrediction({ correlationId: 'L1' })]);
    const predictionId = prediction?.id ?? '';
    await expect(rules.answer({ predictionId, label: null })).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
    });
    await rules.onLineEvents([machineFailed('L1')]);
    await rules.answer({ predictionId, label: 'ok' });
    expect(store.predictions.labelOf(1)?.label).toBe(0);
    clock.advance(1000);
    await rules.answer({ predictionId, label: null });
    expect(store.predictions.labelOf(1)).toMatchObject({ label: 1, kind: 'implicit' });
    expect(store.predictions.evidenceOf(1)).toHaveLength(3);
  });

  it('is refused with a code for a malformed id, an unknown prediction, another run’s seq and an unknown label', async () => {
    const { store, rules } = start();
    const [prediction] = await record(store, [newPrediction()]);
    const id = prediction?.id ?? '';
    const answer = (predictionId: string, label: string) => rules.answer({ predictionId, label });
    await expect(answer('nonsense', 'ok')).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    await expect(answer(`${store.run}-2`, 'ok')).rejects.toMatchObject({ code: 'PREDICTION_UNKNOWN' });
    await expect(answer('00000000-1', 'ok')).rejects.toMatchObject({ code: 'PREDICTION_UNKNOWN' });
    await expect(answer(id, 'scratch')).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
      hint: 'Its labels: ok, failure.',
    });
    expect(feedbackOf(store)).toEqual([]);
  });
});
