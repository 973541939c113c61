/** Thinning through the real tables, over many seeded lines: what is estimated from what is left is right on average. */
import { describe, expect, it } from 'vitest';
import { Random } from '../../../agent/sources/random.ts';
import type { NewFeedback, NewPrediction } from '../../../agent/store/records.ts';
import { metricEstimate } from '../../../protocol/evidence/metric-estimate.ts';
import type { Prediction } from '../../../protocol/records.ts';
import { MODEL_A, MODEL_B, NOW_MS, newPrediction } from './temp-store.ts';
import { openThinnedStore, type ThinnedStore } from './thinned-store.ts';

/** All of it is work for the processor, which others may have. */
const PATIENCE_MS = 120_000;
const LINES = 60;
const PARTS = 1200;
const RIGHT = 0.85;
/** Half of the labels come before the store fills, half after. */
const EARLY = 0.5;
/** Chance that a mean of `LINES` estimates strays further when nothing is biased: 1 in 30,000 a figure. */
const SDS = 4.2;

interface Part extends NewPrediction {
  readonly truth: number;
}

/** Failures are rarer, more unsure, and more often missed: notable ones are anything but a fair sample. */
function partsOf(random: Random): Part[] {
  return Array.from({ length: PARTS }, () => {
    const truth = random.uniform() < 0.2 ? 1 : 0;
    const label = random.uniform() < RIGHT ? truth : 1 - truth;
    const score = random.uniform();
    const other = random.uniform() < 0.97 ? label : 1 - label;
    return {
      ...newPrediction({
        label,
        score,
        health: random.uniform() < (label === truth ? 0.01 : 0.1) ? 1 : 0,
        unsure: random.uniform() < (truth === 1 ? 0.2 : 0.02),
        shadow: { model: MODEL_B, label: other, score, latencyUs: 5 },
      }),
      truth,
    };
  });
}

/** Two records a part. */
function labelsOf(
  parts: readonly Part[],
  from: number,
  to: number,
  kept: ReadonlySet<number>,
): NewFeedback[] {
  return parts.slice(from, to).flatMap(({ truth, slot }, i) => {
    const predictionSeq = 2 * (from + i) + 1;
    if (!kept.has(predictionSeq)) return [];
    const said = { kind: 'implicit', weight: 1, rule: 'gate', evidence: 'line' } as const;
    return [{ ...said, timeMs: NOW_MS, predictionSeq, slot, label: truth }];
  });
}

/** A line that fills its store: recorded, labelled and thinned by turns. */
function play(seed: number): { parts: Part[]; store: ThinnedStore } {
  const random = new Random(seed);
  const parts = partsOf(random);
  const store = openThinnedStore(seed.toString(16).padStart(8, '0'), 256);
  store.record(parts.slice(0, PARTS / 2));
  const half = PARTS / 2;
  const early = Math.floor(half * EARLY);
  store.label(labelsOf(parts, 0, early, seqsOf(store)));
  const room = PARTS * (0.3 + 0.3 * random.uniform());
  makeRoom(store, room);
  store.record(parts.slice(half));
  makeRoom(store, room);
  // Rules find only what is still there.
  store.label(labelsOf(parts, early, PARTS, seqsOf(store)));
  makeRoom(store, room * 0.9);
  return { parts, store };
}

/** @param room in records, of which a part has two */
function makeRoom(store: ThinnedStore, room: number): void {
  const rows = store.database.sqlite.prepare<[], number>('SELECT count(*) FROM predictions').pluck();
  while ((rows.get() ?? 0) > room) store.thin();
}

function thinnestOf(store: ThinnedStore): number {
  return Math.min(...store.kept().map(({ keptShare }) => keptShare));
}

function seqsOf(store: ThinnedStore): Set<number> {
  return new Set(store.kept().map(({ seq }) => seq));
}

const deciding = ({ role }: Prediction) => role === 'champion';
const weighed = (kept: readonly Prediction[], value: (prediction: Prediction) => number) =>
  kept.reduce((sum, each) => sum + value(each) / each.keptShare, 0);

describe('a thinned store', () => {
  const errors: Record<string, number[]> = {};
  const note = (name: string, error: number) => {
    errors[name] = [...(errors[name] ?? []), error];
  };
  let covered = 0;
  let thinnest = 1;

  it(
    `says of ${LINES} lines on average what all their records would have said`,
    () => {
      for (let seed = 1; seed <= LINES; seed++) {
        const { parts, store } = play(seed);
        const kept = store.kept().filter(deciding);
        thinnest = Math.min(thinnest, thinnestOf(store));
        const mean = (of: (part: Part) => number) => parts.reduce((sum, part) => sum + of(part), 0) / PARTS;
        const share = (of: (prediction: Prediction) => number) => weighed(kept, of) / PARTS;
        note('count', share(() => 1) - 1);
        note('rate of label 1', share(({ label }) => label) - mean(({ label }) => label));
        note('mean score', share(({ score }) => score) - mean(({ score }) => score));
        note('rate of faulty inputs', share(({ health }) => health) - mean(({ health }) => health));
        const query = { slot: 'inspection', model: MODEL_A, role: 'deciding' } as const;
        const estimate = metricEstimate({ name: 'accuracy' }, store.log.outcomes(query), 'corrected');
        if (!estimate) throw new Error('no labels');
        note('accuracy', estimate.value - mean(({ label, truth }) => Number(label === truth)));
        if (estimate.low <= RIGHT && RIGHT <= estimate.high) covered += 1;
      }
      // Deep enough to mean something.
      expect(thinnest).toBeLessThanOrEqual(1 / 8);
      for (const [name, all] of Object.entries(errors)) {
        const mean = all.reduce((sum, error) => sum + error, 0) / all.length;
        const sd = Math.sqrt(all.reduce((sum, error) => sum + (error - mean) ** 2, 0) / (all.length - 1));
        expect(Math.abs(mean), `${name}: ${mean} of ${sd}`).toBeLessThan((SDS * sd) / Math.sqrt(all.length));
      }
      // 95 % less four standard deviations.
      expect(covered).toBeGreaterThanOrEqual(LINES * 0.84);
    },
    PATIENCE_MS,
  );

  it('keeps every notable prediction while ordinary ones are halved and halved again', () => {
    const random = new Random(7);
    const parts = partsOf(random);
    const store = openThinnedStore('00000007');
    store.record(parts);
    store.label([
      { ...answer(1), kind: 'explicit', rule: 'operator' },
      { ...answer(3), label: 1 - (parts[1]?.label ?? 0) },
    ]);
    while (thinnestOf(store) > 1 / 16) store.thin();
    const kept = new Map(store.kept().map((prediction) => [prediction.seq, prediction]));
    parts.forEach(({ health, unsure, label, shadow }, i) => {
      const notable = health > 0 || unsure || shadow?.label !== label || i < 2;
      if (notable) expect(kept.get(2 * i + 1), `part ${i}`).toMatchObject({ keptShare: 1 });
    });
    expect(kept.size).toBeLessThan(2 * PARTS * 0.5);
  });
});

function answer(predictionSeq: number): NewFeedback {
  return {
    timeMs: NOW_MS,
    predictionSeq,
    slot: 'inspection',
    kind: 'implicit',
    label: 0,
    weight: 1,
    rule: 'gate',
    evidence: 'line',
  };
}
