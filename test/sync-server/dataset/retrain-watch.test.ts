import { describe, expect, it } from 'vitest';
import { encodeBatch } from '../../../protocol/batch.ts';
import { RetrainWatch } from '../../../sync-server/dataset/retrain-watch.ts';
import type { ServerStore } from '../../../sync-server/store/server-store.ts';
import { EPOCH, event, feedback, ingestOver, prediction, reported, silentLog } from '../support.ts';
import { fieldStore, fill, MODEL_HASH } from './field-data.ts';

const SLOT = 'machine-failure';
const T0 = 1_700_000_000_000;

function watchOver(store: ServerStore, proposeAfterLabels: number | null = 10) {
  const { clock, counters } = ingestOver(store);
  clock.nowMs = T0 + 3_600_000;
  return new RetrainWatch({ store, proposeAfterLabels, clock, counters, log: silentLog });
}

/** Samples `from`..`to`, a second apart, all with a label. */
function labelled(store: ServerStore, from: number, to: number, over: object = {}): void {
  const seqs = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  fill(
    store,
    seqs.map((seq) =>
      prediction(seq, { model: MODEL_HASH, timeMs: T0 + 1000 * seq, features: [1, 0], ...over }),
    ),
    seqs.map((seq) => feedback(seq, seq)),
  );
}

function drifts(store: ServerStore, seq: number, atS: number, drifting = true): void {
  const { send } = ingestOver(store);
  const told = event(seq, {
    timeMs: T0 + 1000 * atS,
    severity: drifting ? 'warning' : 'info',
    data: { feature: 'temperature', psi: 0.4, drifting },
  });
  send('mill-1', 'events', encodeBatch('events', EPOCH, [told]));
}

describe('a proposal to train anew', () => {
  it('comes when a slot drifts and enough samples since then have a label', () => {
    const { store } = fieldStore();
    store.devices.saveReported(
      reported('mill-1', {
        slots: {
          [SLOT]: {
            champion: { manifestSha256: MODEL_HASH, title: 'tiny 2' },
            challenger: null,
            install: null,
          },
        },
      }),
    );
    const watch = watchOver(store);
    labelled(store, 1, 30);
    drifts(store, 1, 15);
    watch.look();
    expect(watch.views()).toEqual([
      {
        slot: SLOT,
        sinceMs: T0 + 15_000,
        features: ['temperature'],
        devices: ['mill-1'],
        labelled: 16,
        withFeatures: 16,
        verdict: 'train',
        commands: [
          'andon dataset export --slot machine-failure --since 2023-11-14T22:13:35.000Z --output machine-failure.csv',
          'python -m training retrain --export machine-failure.csv --champion models/tiny/2 --out retrained',
        ],
      },
    ]);
    drifts(store, 2, 31, false);
    watch.look();
    expect(watch.views()).toEqual([]);
  });

  it('waits while too few samples since then have a label', () => {
    const { store } = fieldStore();
    const watch = watchOver(store);
    labelled(store, 1, 30);
    drifts(store, 1, 22);
    watch.look();
    expect(watch.views()).toEqual([]);
  });

  it('has no command where features stay on the devices', () => {
    const { store } = fieldStore();
    const watch = watchOver(store);
    labelled(store, 1, 30, { features: null });
    drifts(store, 1, 1);
    watch.look();
    expect(watch.views()).toMatchObject([
      { labelled: 30, withFeatures: 0, verdict: 'features-missing', commands: [] },
    ]);
  });

  it('counts over devices, and not what belongs to another slot', () => {
    const { store } = fieldStore();
    const watch = watchOver(store);
    labelled(store, 1, 8);
    const seqs = [1, 2, 3, 4, 5];
    fill(
      store,
      seqs.map((seq) => prediction(seq, { timeMs: T0 + 1000 * seq, slot: seq > 4 ? 'other' : SLOT })),
      seqs.map((seq) => feedback(seq, seq)),
      'mill-2',
    );
    drifts(store, 1, 1);
    expect(store.driftLabels.labelsSince(SLOT, T0 + 1000)).toEqual({ labelled: 12, withFeatures: 8 });
    watch.look();
    expect(watch.views()).toMatchObject([{ labelled: 12, verdict: 'features-missing' }]);
  });

  it('is not made where nobody wants any', () => {
    const { store } = fieldStore();
    const watch = watchOver(store, null);
    labelled(store, 1, 30);
    drifts(store, 1, 1);
    watch.look();
    expect(watch.views()).toEqual([]);
  });
});
