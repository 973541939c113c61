import { describe, expect, it } from 'vitest';
import type { Datasets } from '../../../sync-server/dataset/datasets.ts';
import type { DatasetSampleView } from '../../../sync-server/views/dataset.ts';
import { EPOCH, feedback, prediction, shadow } from '../support.ts';
import { fieldStore, fill, MODEL_HASH } from './field-data.ts';

const SLOT = 'machine-failure';
const EVERYTHING = { slot: SLOT, model: null, sinceMs: 0, untilMs: Number.MAX_SAFE_INTEGER };
const said = (seq: number, over: object = {}) =>
  prediction(seq, { model: MODEL_HASH, features: [300.5, 1], ...over });

/** All pages, `labels` looked at a page. */
function all(datasets: Datasets, query: typeof EVERYTHING | object = {}, labels = 2): DatasetSampleView[] {
  const samples: DatasetSampleView[] = [];
  let after: { epochId: number; seq: number } | null = null;
  for (let more = true; more; ) {
    const page = datasets.page({ ...EVERYTHING, ...query }, after, labels);
    samples.push(...page.samples);
    more = page.next !== null;
    const [epochId, seq] = (page.next ?? '0-0').split('-').map(Number);
    after = { epochId: epochId as number, seq: seq as number };
  }
  return samples;
}

const ids = (samples: readonly DatasetSampleView[]) => samples.map(({ id }) => id);

describe('a dataset', () => {
  it('says what its samples hold', () => {
    const { store, datasets } = fieldStore();
    fill(store, [said(1)], []);
    expect(datasets.view(SLOT)).toEqual({
      slot: SLOT,
      tagKeys: [],
      models: [
        {
          manifestSha256: MODEL_HASH,
          name: 'tiny',
          version: 2,
          labels: ['ok', 'failure'],
          features: [
            { name: 'temperature', unit: 'K', categories: null },
            { name: 'quality', unit: '', categories: ['L', 'M', 'H'] },
          ],
        },
      ],
    });
    expect(() => datasets.view('nowhere')).toThrow(expect.objectContaining({ code: 'SLOT_UNKNOWN' }));
  });

  it('gives each labelled sample with its label, and with where that comes from', () => {
    const { store, datasets } = fieldStore();
    fill(
      store,
      [said(1), said(2, { features: null })],
      [feedback(1, 1, { label: 1, weight: 0.9, rule: 'machine-failed', evidence: 'it stopped' })],
    );
    expect(all(datasets)).toEqual([
      {
        id: '0123abcd-1',
        device: 'mill-1',
        storeEpoch: EPOCH,
        seq: 1,
        timeMs: 1_700_000_000_001,
        model: MODEL_HASH,
        role: 'champion',
        correlationId: 'part-1',
        said: 0,
        score: 0.25,
        health: 0,
        features: [300.5, 1],
        label: 1,
        weight: 0.9,
        kind: 'implicit',
        rule: 'machine-failed',
        evidence: 'it stopped',
        labelledMs: 1_700_000_001_001,
        precedence: 500,
        tags: {},
        propensity: 1,
        keptShare: 1,
        explored: false,
      },
    ]);
  });

  it('takes the label in force, with its own origin', () => {
    const { store, datasets } = fieldStore();
    fill(
      store,
      [said(1)],
      [
        feedback(1, 1, { label: 0, rule: 'nothing-happened' }),
        feedback(2, 1, { label: 1, kind: 'explicit', rule: 'operator', evidence: 'anna saw it' }),
        feedback(3, 1, { label: 0, rule: 'late-rule' }),
      ],
    );
    const [sample] = all(datasets);
    expect(sample).toMatchObject({ label: 1, kind: 'explicit', rule: 'operator', evidence: 'anna saw it' });
  });

  it('says under which circumstances a sample was made, and how likely its truth was to be seen', () => {
    const { store, datasets } = fieldStore();
    const night = { tags: { shift: 'night', line: 'north' }, propensity: 0.05, explored: true };
    fill(store, [said(1), said(2, night)], [feedback(1, 1), feedback(2, 2, { precedence: 700 })]);
    expect(datasets.view(SLOT).tagKeys).toEqual(['line', 'shift']);
    expect(all(datasets)).toMatchObject([
      { tags: {}, propensity: 1, explored: false, precedence: 500 },
      { ...night, precedence: 700 },
    ]);
  });

  it('has no sample whose label was taken back', () => {
    const { store, datasets } = fieldStore();
    fill(store, [said(1)], [feedback(1, 1), feedback(2, 1, { withdrawn: true })]);
    expect(all(datasets)).toEqual([]);
  });

  it('comes whole by pages of any size, over devices and slots', () => {
    const { store, datasets } = fieldStore();
    const predictions = Array.from({ length: 9 }, (_, i) =>
      said(i + 1, i % 3 === 2 ? { slot: 'other' } : {}),
    );
    const labels = predictions.map(({ seq, slot }, i) => feedback(i + 1, seq, { slot }));
    fill(store, predictions, labels, 'mill-1');
    fill(store, predictions, labels, 'mill-2');
    for (const size of [1, 2, 5, 100]) {
      const samples = all(datasets, {}, size);
      expect(samples.map(({ device, seq }) => `${device} ${seq}`)).toEqual(
        ['mill-1', 'mill-2'].flatMap((device) => [1, 2, 4, 5, 7, 8].map((seq) => `${device} ${seq}`)),
      );
    }
  });

  it('takes predictions of the asked time and model alone', () => {
    const { store, datasets } = fieldStore();
    const other = said(3, { model: 'e'.repeat(64) });
    fill(store, [said(1), said(2), other], [feedback(1, 1), feedback(2, 2), feedback(3, 3)]);
    const base = 1_700_000_000_000;
    expect(ids(all(datasets, { sinceMs: base + 2 }))).toEqual(['0123abcd-2', '0123abcd-3']);
    expect(ids(all(datasets, { untilMs: base + 1 }))).toEqual(['0123abcd-1']);
    expect(ids(all(datasets, { model: { name: 'tiny', reference: '2' } }))).toEqual([
      '0123abcd-1',
      '0123abcd-2',
    ]);
    expect(() => datasets.page({ ...EVERYTHING, model: { name: 'tiny', reference: '9' } }, null, 1)).toThrow(
      expect.objectContaining({ code: 'MODEL_UNKNOWN' }),
    );
  });

  it('counts labels whose prediction is not here, and never gives a shadow', () => {
    const { store, datasets } = fieldStore();
    fill(
      store,
      [said(1), shadow(2, 1, { features: [1, 2] })],
      [feedback(1, 1), feedback(2, 77), feedback(3, 78, { slot: 'other' })],
    );
    const page = datasets.page(EVERYTHING, null, 100);
    expect(ids(page.samples)).toEqual(['0123abcd-1']);
    expect(page).toMatchObject({ withoutPrediction: 1, next: null });
  });

  it('has no features where they stayed on the device', () => {
    const { store, datasets } = fieldStore();
    fill(
      store,
      [said(1, { features: null }), said(2, { features: [299, 2] })],
      [feedback(1, 1), feedback(2, 2)],
    );
    expect(all(datasets).map(({ features }) => features)).toEqual([null, [299, 2]]);
  });
});
