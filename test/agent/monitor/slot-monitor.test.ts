import { describe, expect, it } from 'vitest';
import type { ActiveModel } from '../../../agent/models/active-models.ts';
import { LatencyWindow } from '../../../agent/monitor/latency-window.ts';
import { RateMeter } from '../../../agent/monitor/rate-meter.ts';
import { SlotMonitor } from '../../../agent/monitor/slot-monitor.ts';
import type { SourceChange } from '../../../agent/monitor/source-versions.ts';
import type { NewEvent } from '../../../agent/store/records.ts';
import { type Manifest, manifestSchema } from '../../../protocol/manifest.ts';
import { INPUT_HEALTH } from '../../../protocol/records.ts';
import { MODEL_A, NOW_MS, newPrediction, openTempStore, record, TestClock } from '../store/temp-store.ts';

const torque = { name: 'torque', unit: 'Nm', min: 0, max: 100 };
const baseline = {
  rows: 5000,
  labelShares: [0.9, 0.1],
  features: [{ name: 'torque', mean: 40, std: 10, edges: [30, 40, 50], shares: [0.25, 0.25, 0.25, 0.25] }],
};

function modelWith(input: Manifest['input'], manifestSha256 = MODEL_A): ActiveModel {
  const manifest = manifestSchema.parse({
    formatVersion: 1,
    name: 'test',
    version: 1,
    summary: 'a test',
    precision: 'float32',
    model: { file: 'model.onnx', opset: 17 },
    input,
    output: { tensor: 'output', decision: { kind: 'threshold', labels: ['ok', 'failure'], threshold: 0.5 } },
    metric: { name: 'accuracy', offline: 0.9, baseline: { name: 'rule', value: 0.8 } },
    golden: { file: 'golden.json', tolerance: 0.01 },
    baselineProfile: 'baseline.json',
    lineage: { dataset: 'none', dataSha256: '0'.repeat(64), script: 'none', seed: 1 },
    files: {},
  });
  return { manifestSha256, folder: '/nowhere', manifest, baseline };
}
const tabular = modelWith({ kind: 'features', tensor: 'input', features: [torque] });

function monitorOf(champion: () => ActiveModel | undefined, change: SourceChange | null = null) {
  const clock = new TestClock();
  const { store } = openTempStore({ clock });
  const told: NewEvent[] = [];
  const monitor = new SlotMonitor({
    slot: 'inspection',
    config: { source: 'line', drift: { window: 100, psi: 0.25 } },
    models: {
      of: () => {
        const model = champion();
        return model && { champion: model, challenger: null };
      },
    },
    predictions: store.predictions,
    tell: (event) => told.push(event),
    sourceChange: () => change,
    clock,
  });
  return { monitor, store, clock, told };
}

describe('the monitor of a slot', () => {
  it('marks samples as drifting while a feature drifts, and tells when it begins', () => {
    const { monitor, told, clock } = monitorOf(() => tabular);
    const feed = (low: number, samples: number) => {
      for (let i = 0; i < samples; i++) {
        clock.advance(20);
        monitor.observe([low + ((i * 7919) % 20)]);
      }
    };
    expect(monitor.health([40], NOW_MS)).toBe(0);
    feed(70, 200);
    expect(monitor.health([40], NOW_MS)).toBe(INPUT_HEALTH.drifting);
    expect(told).toMatchObject([
      { kind: 'drift', severity: 'warning', slot: 'inspection', data: { feature: 'torque', drifting: true } },
    ]);
    expect(monitor.figures().drift).toMatchObject([{ feature: 'torque', drifting: true }]);
  });

  it('says when drift began after the source changed its version', () => {
    const change = { source: 'line', from: '1.4', to: '2.0', timeMs: NOW_MS };
    const { monitor, clock, told } = monitorOf(() => tabular, change);
    for (let i = 0; i < 200; i++) {
      clock.advance(3000);
      monitor.observe([70 + (i % 20)]);
    }
    expect(told[0]?.message).toMatch(/That was seen \d+ min after line changed from version 1\.4 to 2\.0\.$/);
    expect(monitor.figures().inputs.sourceChange).toEqual(change);
  });

  it('shows drift a part of a flood only, each second anew', () => {
    const { monitor, clock, told } = monitorOf(() => tabular);
    const flood = (value: number, samples: number) => {
      for (let i = 0; i < samples; i++) monitor.observe([value + ((i * 7919) % 40)]);
    };
    for (let second = 0; second < 5; second++) {
      clock.advance(1000);
      flood(20, 10_000);
      flood(80, 10_000);
    }
    expect(told).toEqual([]);
    for (let second = 0; second < 4; second++) {
      clock.advance(1000);
      flood(80, 10_000);
    }
    expect(told).toMatchObject([{ kind: 'drift', data: { drifting: true } }]);
  });

  it('tells when the model says a label far more often than on its training data, by the champion alone', () => {
    const { monitor, clock, told } = monitorOf(() => tabular);
    const say = (labels: number[]) => {
      clock.advance(20);
      monitor.predicted(
        labels.map(() => 100),
        labels,
      );
    };
    for (let i = 0; i < 300; i++) say([i % 10 === 9 ? 1 : 0, -1]);
    expect(told).toEqual([]);
    for (let i = 0; i < 300; i++) say([i % 2]);
    expect(told).toMatchObject([{ kind: 'prediction-drift', severity: 'warning', slot: 'inspection' }]);
    expect(told[0]?.message).toContain('"failure" for');
    expect(monitor.figures().inputs.labelDrift).toMatchObject({ drifting: true });
  });

  it('tells of an input that lastingly fails and of a source that changes its rate, and shows both', () => {
    const { monitor, clock, told } = monitorOf(() => tabular);
    const feed = (samples: number, everyMs: number, value: (i: number) => number) => {
      for (let i = 0; i < samples; i++) {
        clock.advance(everyMs);
        monitor.health([value(i)], clock.wallMs());
      }
    };
    feed(400, 100, (i) => i % 50);
    feed(400, 300, (i) => (i % 4 === 0 ? Number.NaN : i % 50));
    expect(told.map(({ kind }) => kind)).toEqual(['input-fault', 'sample-rate-changed']);
    expect(monitor.figures().inputs).toMatchObject({
      faults: [{ feature: 'torque', fault: 'missing', share: 0.25 }],
      samplesPerS: 1000 / 300,
    });
    feed(300, 300, (i) => i % 50);
    expect(told.at(-1)).toMatchObject({ kind: 'input-fault', severity: 'info' });
    expect(monitor.figures().inputs.faults).toEqual([]);
  });

  it('begins anew with a new champion', () => {
    let champion = tabular;
    const { monitor } = monitorOf(() => champion);
    monitor.health([200], NOW_MS);
    expect(monitor.faults()).toHaveLength(1);
    champion = modelWith(tabular.manifest.input, 'b'.repeat(64));
    expect(monitor.faults()).toEqual([]);
  });

  it('looks at the newest value of a window, and at nothing without a model', () => {
    let champion: ActiveModel | undefined = modelWith({
      kind: 'window',
      tensor: 'input',
      features: [torque],
      length: 4,
      stride: 1,
    });
    const { monitor } = monitorOf(() => champion);
    expect(monitor.health(Float32Array.of(999, 999, 999, 50), NOW_MS)).toBe(0);
    expect(monitor.health(Float32Array.of(50, 50, 50, 999), NOW_MS)).toBe(INPUT_HEALTH.outOfRange);
    champion = undefined;
    expect(monitor.health([999], NOW_MS)).toBe(0);
    monitor.observe([999]);
    expect(monitor.figures()).toMatchObject({ drift: [], quality: { champion: null, challenger: null } });
  });

  it('shows how well the champion does by the labels in the store, at most a second late', async () => {
    const { monitor, store, clock } = monitorOf(() => tabular);
    await record(store, [newPrediction({ label: 1 }), newPrediction({ label: 0 })]);
    const said = { timeMs: NOW_MS, slot: 'inspection', kind: 'implicit' as const, rule: 'r', evidence: 'e' };
    const champion = () => monitor.figures().quality.champion;
    expect(champion()).toMatchObject({ naive: null, labels: 0, offline: 0.9 });
    await store.recorder.feedback(
      [1, 2].map((predictionSeq) => ({ ...said, predictionSeq, label: 1, weight: 1 })),
    );
    expect(champion()).toMatchObject({ labels: 0 });
    clock.advance(1000);
    expect(champion()).toMatchObject({ naive: { value: 0.5, labels: 2 }, corrected: null, labels: 2 });
  });

  it('corrects for parts that are inspected by chance, and sets the slices apart', async () => {
    const { monitor, store } = monitorOf(() => tabular);
    const early = { shift: 'early' };
    const late = { shift: 'late' };
    await record(store, [
      ...Array.from({ length: 60 }, () => newPrediction({ label: 0, tags: early })),
      ...Array.from({ length: 60 }, () => newPrediction({ label: 0, tags: late })),
      newPrediction({ label: 1, tags: early, propensity: 0.1, explored: true }),
    ]);
    const said = { timeMs: NOW_MS, slot: 'inspection', kind: 'implicit' as const, rule: 'r', evidence: 'e' };
    await store.recorder.feedback(
      Array.from({ length: 121 }, (_, i) => ({
        ...said,
        predictionSeq: i + 1,
        label: i >= 60 && i < 120 ? 1 : 0,
        weight: 1,
      })),
    );
    const { champion } = monitor.figures().quality;
    expect(champion?.naive?.value).toBeCloseTo(60 / 121, 9);
    expect(champion?.corrected?.value).toBeCloseTo(60 / 130, 9);
    expect(champion?.slices.map(({ value, call }) => [value, call])).toEqual([
      ['late', 'worse'],
      ['early', 'none'],
    ]);
  });
});

describe('rates and latencies', () => {
  it('show a second each, oldest first, and forget after a minute', () => {
    const clock = new TestClock();
    const meter = new RateMeter(clock);
    meter.add(10);
    clock.advance(1000);
    meter.add(30);
    clock.advance(1000);
    expect(meter.history().slice(-2)).toEqual([10, 30]);
    expect(meter.perSecond()).toBe(20);
    clock.advance(58_000);
    expect(meter.history().slice(0, 2)).toEqual([10, 30]);
    clock.advance(2000);
    expect(meter.history()).toEqual(new Array(60).fill(0));
    clock.advance(3_600_000);
    meter.add();
    clock.advance(1000);
    expect(meter.history().at(-1)).toBe(1);
  });

  it('give nearest-rank quantiles of the newest few thousand', () => {
    const window = new LatencyWindow();
    expect(window.quantiles()).toBeNull();
    for (let us = 1; us <= 100; us++) window.add(us);
    expect(window.quantiles()).toEqual({ p50: 50, p95: 95, p99: 99 });
    for (let i = 0; i < 4096; i++) window.add(7);
    expect(window.quantiles()).toEqual({ p50: 7, p95: 7, p99: 7 });
  });
});
