import { describe, expect, it } from 'vitest';
import { MODEL_B, NOW_MS, newPrediction, openTempStore, record } from './temp-store.ts';

const shadow = { model: MODEL_B, label: 1, score: 0.1, latencyUs: 5 };

function part(correlationId: string) {
  return { correlationId, station: null };
}

describe('the prediction log', () => {
  it('finds the newest deciding prediction of a part in a slot', async () => {
    const { store } = openTempStore();
    await record(store, [
      newPrediction({ correlationId: 'L1', shadow }),
      newPrediction({ correlationId: 'L2' }),
      newPrediction({ correlationId: 'L1', label: 1, shadow }),
      newPrediction({ correlationId: 'L1', slot: 'other' }),
    ]);
    expect(store.predictions.byCorrelationId('inspection', 'L1')).toMatchObject({
      seq: 4,
      label: 1,
      pairOf: 0,
    });
    expect(store.predictions.byCorrelationId('other', 'L1')?.seq).toBe(6);
    expect(store.predictions.byCorrelationId('other', 'L2')).toBeUndefined();
  });

  it('shows the newest of a slot first, without shadows', async () => {
    const { store } = openTempStore();
    await record(store, [
      newPrediction({ shadow }),
      newPrediction({ slot: 'other' }),
      newPrediction({ shadow }),
    ]);
    expect(store.predictions.recent('inspection', 5).map(({ seq }) => seq)).toEqual([4, 1]);
    expect(store.predictions.recent('inspection', 1).map(({ seq }) => seq)).toEqual([4]);
    expect(store.predictions.bySeq(2)).toBeUndefined();
    expect(store.predictions.bySeq(3)?.slot).toBe('other');
  });

  it('finds again what was raised and what evidence contradicts, however many came since', async () => {
    const { store } = openTempStore();
    const isRaised = ({ label }: { label: number }) => label !== 0;
    const notable = () =>
      store.predictions.notable({ slot: 'inspection', raised: isRaised, limit: 2 }).map(({ seq }) => seq);
    const labelled = (predictionSeq: number, label: number, kind: 'explicit' | 'implicit') =>
      store.recorder.feedback([
        {
          timeMs: NOW_MS,
          predictionSeq,
          slot: 'inspection',
          kind,
          label,
          weight: 1,
          rule: 'r',
          evidence: '',
        },
      ]);
    const calm = Array.from({ length: 50 }, () => newPrediction({ shadow }));
    await record(store, [newPrediction({ label: 1 }), newPrediction({ slot: 'other', label: 1 }), ...calm]);
    expect(notable()).toEqual([1]);
    await labelled(9, 1, 'implicit');
    await labelled(11, 0, 'implicit');
    expect(notable()).toEqual([9, 1]);
    await record(store, [...calm, newPrediction({ label: 1 }), newPrediction({ label: 1 })]);
    expect(notable()).toEqual([204, 203, 9]);
    await labelled(9, 0, 'explicit');
    expect(notable()).toEqual([204, 203]);
    await labelled(203, 0, 'explicit');
    expect(notable()).toEqual([204, 203]);
  });

  it('tells which predictions are due, and up to where it has looked', async () => {
    const { store } = openTempStore();
    const at = (timeMs: number, slot = 'inspection') => newPrediction({ timeMs, slot });
    await record(store, [
      at(10),
      at(11, 'other'),
      at(99_999),
      at(20),
      at(30, 'other'),
      at(40),
      at(50, 'other'),
    ]);
    const query = { slot: 'inspection', afterSeq: 0, untilMs: 25, plausibleMs: 1000, limit: 10 };
    const { due, through } = store.predictions.dueAfter(query);
    expect(due.map(({ seq }) => seq)).toEqual([1, 4]);
    expect(through).toBe(5);
    const later = store.predictions.dueAfter({ ...query, afterSeq: through, untilMs: 60 });
    expect(later).toMatchObject({ due: [{ seq: 6 }], through: 7 });
    expect(store.predictions.dueAfter({ ...query, limit: 1 })).toMatchObject({
      due: [{ seq: 1 }],
      through: 3,
    });
    expect(store.predictions.madeBefore('other', 2, 30, 9).map(({ seq }) => seq)).toEqual([5]);
  });

  it('finds those made in a span of time, of one slot, also behind many others', async () => {
    const { store } = openTempStore();
    const made = Array.from({ length: 500 }, (_, i) =>
      newPrediction({ timeMs: NOW_MS + i * 10, slot: i % 2 === 0 ? 'inspection' : 'other' }),
    );
    await record(store, made);
    const between = (fromMs: number, toMs: number) =>
      store.predictions.madeBetween('inspection', NOW_MS + fromMs, NOW_MS + toMs, 9).map(({ seq }) => seq);
    expect(between(3000, 3040)).toEqual([301, 303, 305]);
    expect(between(-5000, 0)).toEqual([1]);
    expect(between(3001, 3019)).toEqual([]);
    expect(between(9000, 9999)).toEqual([]);
    expect(between(0, 4000)).toHaveLength(9);
  });

  it('takes of a part that came twice the one that an event can be about', async () => {
    const { store } = openTempStore();
    await record(
      store,
      [1, 2, 3].map((i) => newPrediction({ correlationId: 'L1', timeMs: NOW_MS + i * 1000 })),
    );
    const { predictions } = store;
    expect(predictions.byCorrelationId('inspection', 'L1', NOW_MS + 2500)?.seq).toBe(2);
    expect(predictions.byCorrelationId('inspection', 'L1', NOW_MS)?.seq).toBe(3);
    expect(predictions.byCorrelationId('inspection', 'L1')?.seq).toBe(3);
  });

  it('remembers line events by part, kind and time', async () => {
    const { store } = openTempStore();
    const event = { timeMs: NOW_MS, kind: 'part-reworked', correlationId: 'L1', station: 'mill-1' };
    await store.recorder.lineEvents([event, { ...event, correlationId: null, station: null }]);
    expect(store.predictions.hasLineEvent('part-reworked', part('L1'))).toBe(true);
    expect(store.predictions.hasLineEvent('machine-failed', part('L1'))).toBe(false);
    expect(store.predictions.hasLineEvent('part-reworked', part('L2'))).toBe(false);
    expect(
      store.predictions.hasLineEvent('part-reworked', part('L1'), { fromMs: NOW_MS + 1, toMs: NOW_MS + 9 }),
    ).toBe(false);
    const moment = { ...event, correlationId: null, durationMs: 1500, predictionSeq: 7 };
    await store.recorder.lineEvents([moment]);
    const at = (station: string) => ({ correlationId: null, station });
    expect(store.predictions.hasLineEvent('part-reworked', at('mill-1'))).toBe(true);
    expect(store.predictions.hasLineEvent('part-reworked', at('mill-2'))).toBe(false);
    expect(store.predictions.lineEventsAfter(2, 10).map(({ event: kept }) => kept)).toEqual([moment]);
    expect(store.predictions.lineEventsAfter(0, 2).map(({ id, event: kept }) => [id, kept])).toEqual([
      [1, event],
      [2, { ...event, correlationId: null, station: null }],
    ]);
    expect(store.predictions.lineEventsAfter(1, 10)).toHaveLength(2);
  });
});
