import { afterEach, describe, expect, it } from 'vitest';
import type { FeedbackRule } from '../../../agent/config/schema.ts';
import { Counters } from '../../../agent/counters.ts';
import { FeedbackRules } from '../../../agent/feedback/feedback-rules.ts';
import type { LineEvent } from '../../../agent/sources/source.ts';
import type { Store } from '../../../agent/store/store.ts';
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

const failed: FeedbackRule = {
  name: 'failed',
  when: 'event',
  event: 'machine-failed',
  label: 'failure',
  weight: 1,
};
const survived: FeedbackRule = {
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
  over: { folder?: string; clock?: TestClock; labels?: () => string[] | undefined } = {},
): Setting {
  const clock = over.clock ?? new TestClock();
  const { store } = openTempStore({ clock, ...(over.folder && { folder: over.folder }) });
  const counters = new Counters();
  const rules = new FeedbackRules({
    store,
    slots: { inspection: { feedback: [failed, survived] }, other: { feedback: [] } },
    labelsOf: over.labels ?? (() => ['ok', 'failure']),
    clock,
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
        evidence: 'no machine-failed within 2000 ms',
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
  it('is durable when it resolves, and outweighs what rules say before and after', async () => {
    const { store, rules } = start();
    const [prediction] = await record(store, [newPrediction({ correlationId: 'L1' })]);
    await rules.answer({ predictionId: prediction?.id ?? '', label: 'ok' });
    expect(feedbackOf(store)).toMatchObject([{ kind: 'explicit', label: 0, rule: 'operator', weight: 1 }]);
    await rules.onLineEvents([machineFailed('L1')]);
    expect(feedbackOf(store)).toHaveLength(2);
    expect(store.predictions.labelOf(1)).toMatchObject({ label: 0, kind: 'explicit' });
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
