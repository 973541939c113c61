import { describe, expect, it } from 'vitest';
import { encodeBatch } from '../../../protocol/batch.ts';
import type { Manifest } from '../../../protocol/manifest.ts';
import type { Prediction } from '../../../protocol/records.ts';
import { MOST_SPANS, spanFor } from '../../../sync-server/metrics/curve-spans.ts';
import { SlotMetrics } from '../../../sync-server/metrics/slot-metrics.ts';
import type { PublishedModel } from '../../../sync-server/store/model-table.ts';
import {
  CHALLENGER,
  CHAMPION,
  EPOCH,
  feedback,
  ingestOver,
  modelRef,
  prediction,
  TestClock,
  temporaryStore,
} from '../support.ts';

const HOUR_MS = 3_600_000;
const T0 = Math.floor(prediction(1).timeMs / HOUR_MS) * HOUR_MS;

describe('the metrics of a slot', () => {
  it('tells of each version what it promised and what became of it, the newest first', () => {
    const { metrics, line } = setUp();
    line({ model: CHAMPION, fromMs: T0, right: 90, wrong: 10 });
    line({ model: CHALLENGER, fromMs: T0 + 2 * HOUR_MS, right: 50, wrong: 50 });
    const { versions, fromMs, untilMs, spanMs } = metrics.of('machine-failure', 30);
    expect(
      versions.map(({ title, firstMs, offline, naive }) => [title, firstMs, offline, naive?.value]),
    ).toEqual([
      ['milling-failure 2', T0 + 2 * HOUR_MS, 0.9, 0.5],
      ['milling-failure 1', T0, 0.9, 0.9],
    ]);
    expect(versions[1]?.naive).toMatchObject({
      labels: 100,
      low: expect.closeTo(0.825, 2),
      high: expect.closeTo(0.945, 2),
    });
    expect(versions.every(({ corrected }) => corrected === null)).toBe(true);
    expect([fromMs, untilMs - fromMs > 2 * HOUR_MS, spanMs % 60_000]).toEqual([T0, true, 0]);
  });

  it('draws a curve with one point a span, each with its interval', () => {
    const { metrics, line } = setUp();
    for (let hour = 0; hour < 6; hour++)
      line({ fromMs: T0 + hour * HOUR_MS, right: 30 - 4 * hour, wrong: 4 * hour });
    const { versions, spanMs } = metrics.of('machine-failure', 30);
    const curve = versions[0]?.curve ?? [];
    expect(spanMs).toBe(10 * 60_000);
    expect(curve.map(({ fromMs }) => (fromMs - T0) / HOUR_MS)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(curve.every(({ low, value, high }) => low <= value && value <= high)).toBe(true);
    expect(curve.map(({ value }) => value).toSorted((a, b) => b - a)).toEqual(
      curve.map(({ value }) => value),
    );
  });

  it('corrects for rejected parts that are seldom inspected, and says that it did', () => {
    const { metrics, line } = setUp();
    line({ fromMs: T0, right: 900, wrong: 0, label: 0 });
    line({ fromMs: T0, right: 5, wrong: 5, label: 1, propensity: 0.1, explored: true });
    const [version] = metrics.of('machine-failure', 30).versions;
    expect(version?.naive?.value).toBeCloseTo(905 / 910, 9);
    expect(version?.corrected?.value).toBeCloseTo(950 / 1000, 9);
    expect(version?.corrected?.effectiveLabels).toBeLessThan(910);
    expect(version?.curve[0]?.value).toBeCloseTo(0.95, 9);
  });

  it('flags the slice that does worse', () => {
    const { metrics, line } = setUp();
    line({ fromMs: T0, right: 490, wrong: 10, tags: { shift: 'early', product: 'l' } });
    line({ fromMs: T0, right: 400, wrong: 100, tags: { shift: 'late', product: 'l' } });
    const slices = metrics.of('machine-failure', 30).versions[0]?.slices ?? [];
    expect(slices.map(({ key, value, call }) => [key, value, call])).toEqual([
      ['shift', 'late', 'worse'],
      ['shift', 'early', 'none'],
    ]);
  });

  it('looks back from the newest label, for a recording has its own time', () => {
    const { metrics, line } = setUp();
    const day = 24 * HOUR_MS;
    line({ fromMs: T0 - 40 * day, right: 0, wrong: 50 });
    line({ fromMs: T0, right: 50, wrong: 0 });
    expect(metrics.of('machine-failure', 30).versions[0]?.naive?.value).toBe(1);
    expect(metrics.of('machine-failure', 60).versions[0]?.naive?.value).toBe(0.5);
  });

  it('shows a version without labels with its promise alone, and leaves out one that was never published', () => {
    const { metrics, line } = setUp();
    line({ fromMs: T0, right: 0, wrong: 0, unlabelled: 5 });
    line({ fromMs: T0, model: 'c'.repeat(64), right: 10, wrong: 0 });
    const { versions } = metrics.of('machine-failure', 30);
    expect(versions.map(({ title, naive, curve }) => [title, naive, curve])).toEqual([
      ['milling-failure 1', null, []],
    ]);
  });

  it('refuses a slot that no device has', () => {
    expect(() => setUp().metrics.of('nothing', 30)).toThrow(
      expect.objectContaining({ code: 'SLOT_UNKNOWN' }),
    );
  });

  it('counts once in two seconds, however many ask', () => {
    const { metrics, line, clock } = setUp();
    line({ fromMs: T0, right: 10, wrong: 0 });
    const first = metrics.of('machine-failure', 30);
    line({ fromMs: T0, right: 0, wrong: 10 });
    expect(metrics.of('machine-failure', 30)).toBe(first);
    clock.nowMs += 2000;
    expect(metrics.of('machine-failure', 30).versions[0]?.naive?.labels).toBe(20);
  });
});

describe('the spans of a curve', () => {
  it.each([0, 1, 40, 500, 5000, 50_000, 500_000, 5_000_000])(
    'are few and whole minutes over %d minutes',
    (minutes) => {
      const spanMs = spanFor(minutes * 60_000);
      expect(spanMs % 60_000).toBe(0);
      expect((minutes * 60_000) / spanMs).toBeLessThanOrEqual(MOST_SPANS);
    },
  );
});

interface Stretch extends Partial<Prediction> {
  readonly fromMs: number;
  readonly right: number;
  readonly wrong: number;
  readonly unlabelled?: number;
}

function setUp() {
  const store = temporaryStore();
  const clock = new TestClock();
  store.models.add(model(1, CHAMPION), []);
  store.models.add(model(2, CHALLENGER), []);
  const { send } = ingestOver(store);
  let [seq, feedbackSeq] = [0, 0];
  const line = ({ fromMs, right, wrong, unlabelled = 0, ...over }: Stretch) => {
    const predictions = Array.from({ length: right + wrong + unlabelled }, (_, i) =>
      prediction(++seq, { timeMs: fromMs + i, ...over }),
    );
    const labels = predictions
      .slice(0, right + wrong)
      .map((each, i) =>
        feedback(++feedbackSeq, each.seq, { label: i < right ? each.label : 1 - each.label }),
      );
    send('mill-1', 'predictions', encodeBatch('predictions', EPOCH, predictions));
    if (labels.length > 0) send('mill-1', 'feedback', encodeBatch('feedback', EPOCH, labels));
  };
  return { metrics: new SlotMetrics({ store, clock }), line, clock };
}

function model(version: number, manifestSha256: string): PublishedModel {
  const metric = { name: 'accuracy', offline: 0.9, baseline: { name: 'always ok', value: 0.8 } };
  const manifest = { name: 'milling-failure', version, metric } as Manifest;
  return { ref: modelRef(version, manifestSha256), manifest, notes: '', publishedAtMs: version };
}
