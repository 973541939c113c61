import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Metric } from '../../../protocol/manifest.ts';
import { decide, type StageEvidence } from '../../../sync-server/rollouts/decision.ts';
import type { PairCount } from '../../../sync-server/rollouts/evidence-source.ts';
import { seededRandom } from './seeded-random.ts';

const F2: Metric = { name: 'f-beta', beta: 2, offline: 0.8, baseline: { name: 'rule', value: 0.4 } };
const ACCURACY: Metric = { name: 'accuracy', offline: 0.9, baseline: { name: 'most common', value: 0.5 } };
const OK = 0;
const FAILURE = 1;

function pair(truth: number, champion: number, challenger: number, count: number, weight = 1): PairCount {
  return { truth, champion, challenger, count, weight };
}

function evidence(pairs: readonly PairCount[], changes: Partial<StageEvidence> = {}): StageEvidence {
  return {
    all: pairs,
    fresh: pairs,
    guardrails: { predictions: 1000, failures: [] },
    metric: F2,
    alpha: 0.05,
    minPairs: 300,
    ...changes,
  };
}

const anyPairs = fc.array(
  fc.record({
    truth: fc.integer({ min: 0, max: 1 }),
    champion: fc.integer({ min: 0, max: 1 }),
    challenger: fc.integer({ min: 0, max: 1 }),
    weight: fc.constantFrom(0.5, 0.9, 1),
    count: fc.integer({ min: 0, max: 400 }),
  }),
  { maxLength: 12 },
);

describe('the decision of a stage', () => {
  it('holds without labels, however many predictions there were', () => {
    const verdict = decide(evidence([], { guardrails: { predictions: 1e6, failures: [] }, minPairs: 1 }));
    expect(verdict.verdict).toBe('hold');
    expect(verdict.reason).toMatch(/No labels/);
  });

  it('holds when labels came only before this stage', () => {
    expect(decide(evidence([pair(FAILURE, OK, FAILURE, 100)], { fresh: [] })).verdict).toBe('hold');
  });

  it('says roughly how many more pairs it needs', () => {
    const verdict = decide(evidence([pair(OK, OK, OK, 200), pair(FAILURE, FAILURE, FAILURE, 20)]));
    expect(verdict.verdict).toBe('hold');
    expect(verdict.reason).toMatch(/About 80 more labelled pairs/);
  });

  it('advances a model that does the same once there are enough pairs', () => {
    const verdict = decide(evidence([pair(OK, OK, OK, 300), pair(FAILURE, FAILURE, FAILURE, 20)]));
    expect(verdict).toMatchObject({ verdict: 'advance', reason: expect.stringMatching(/Good enough/) });
  });

  it('advances a clearly better model before the pairs are enough', () => {
    const verdict = decide(evidence([pair(OK, OK, OK, 200), pair(FAILURE, OK, FAILURE, 12)]));
    expect(verdict).toMatchObject({ verdict: 'advance', reason: expect.stringMatching(/better/) });
  });

  it('rolls back a model that misses what the old one found, with the counts in the reason', () => {
    const verdict = decide(evidence([pair(OK, OK, OK, 500), pair(FAILURE, FAILURE, OK, 12)]));
    expect(verdict.verdict).toBe('roll-back');
    expect(verdict.reason).toMatch(
      /512 labelled pairs the new model alone missed 12 and raised 0 false alarms/,
    );
  });

  it('holds on f-beta while no real positive was seen: silence about misses is no evidence', () => {
    expect(decide(evidence([pair(OK, FAILURE, OK, 5000)])).verdict).toBe('hold');
    expect(decide(evidence([pair(OK, FAILURE, OK, 5000)], { metric: ACCURACY })).verdict).toBe('advance');
  });

  it('weighs a miss more than a false alarm where the metric does', () => {
    const tradesMissesForAlarms = [
      pair(OK, OK, OK, 400),
      pair(FAILURE, OK, FAILURE, 20),
      pair(OK, OK, FAILURE, 30),
    ];
    expect(decide(evidence(tradesMissesForAlarms)).verdict).toBe('advance');
    expect(decide(evidence(tradesMissesForAlarms, { metric: ACCURACY })).verdict).not.toBe('advance');
  });

  it('rolls back when a device did not keep the model, whatever the labels say', () => {
    const guardrails = { predictions: 10, failures: [{ device: 'mill-2', reason: 'golden samples failed' }] };
    const verdict = decide(evidence([pair(FAILURE, OK, FAILURE, 500)], { guardrails }));
    expect(verdict).toMatchObject({ verdict: 'roll-back', reason: expect.stringMatching(/mill-2.*golden/) });
  });

  it('never advances without a fresh labelled pair', () => {
    fc.assert(
      fc.property(anyPairs, fc.double({ min: 0.001, max: 0.5, noNaN: true }), (pairs, alpha) => {
        const fresh = pairs.map((p) => ({ ...p, count: 0 }));
        expect(decide(evidence(pairs, { fresh, alpha, minPairs: 1 })).verdict).not.toBe('advance');
      }),
    );
  });

  it('never judges a model better for an error more', () => {
    const rank = { 'roll-back': 0, hold: 1, advance: 2 };
    const metrics = fc.constantFrom(F2, ACCURACY);
    fc.assert(
      fc.property(
        anyPairs,
        metrics,
        fc.nat({ max: 1 }),
        fc.nat({ max: 1 }),
        (pairs, metric, truth, champion) => {
          const right = [...pairs, pair(truth, champion, truth, 1)];
          const wrong = [...pairs, pair(truth, champion, 1 - truth, 1)];
          const verdictOf = (p: PairCount[]) => rank[decide(evidence(p, { metric })).verdict];
          expect(verdictOf(wrong)).toBeLessThanOrEqual(verdictOf(right));
        },
      ),
      { numRuns: 500 },
    );
  });
});

interface Field {
  readonly runs: number;
  readonly pairs: number;
  /** Chance a pair that only the challenger / only the champion misses a failure. */
  readonly onlyNewMisses: number;
  readonly onlyOldMisses: number;
}

/** Looks after every ten pairs, as a conductor would, and stops at the first verdict that ends the watch. */
function simulate(
  field: Field,
  until: 'roll-back' | 'advance',
  minPairs: number,
): { share: number; meanPairs: number } {
  const random = seededRandom(7);
  let hits = 0;
  let pairsUsed = 0;
  for (let run = 0; run < field.runs; run++) {
    const counts = { found: 0, newMissed: 0, oldMissed: 0, fine: 0 };
    for (let n = 1; n <= field.pairs; n++) {
      const u = random();
      if (u < field.onlyNewMisses) counts.newMissed++;
      else if (u < field.onlyNewMisses + field.onlyOldMisses) counts.oldMissed++;
      else if (u < 0.04) counts.found++;
      else counts.fine++;
      if (n % 10 !== 0) continue;
      const { verdict } = decide(
        evidence(
          [
            pair(OK, OK, OK, counts.fine),
            pair(FAILURE, FAILURE, FAILURE, counts.found),
            pair(FAILURE, FAILURE, OK, counts.newMissed),
            pair(FAILURE, OK, FAILURE, counts.oldMissed),
          ],
          { minPairs },
        ),
      );
      if (verdict === until) {
        hits++;
        pairsUsed += n;
        break;
      }
      if (until === 'advance' && verdict === 'roll-back') break;
    }
  }
  return { share: hits / field.runs, meanPairs: pairsUsed / Math.max(1, hits) };
}

describe('the error rates of the decision, looked at every ten pairs', () => {
  const same = { onlyNewMisses: 0.01, onlyOldMisses: 0.01 };

  it('rolls an equal model back in at most alpha of all rollouts', () => {
    const { share } = simulate({ runs: 400, pairs: 2000, ...same }, 'roll-back', 300);
    expect(share).toBeLessThanOrEqual(0.05);
  });

  it('calls an equal model better in at most alpha of all stages', () => {
    const { share } = simulate({ runs: 400, pairs: 2000, ...same }, 'advance', Number.MAX_SAFE_INTEGER);
    expect(share).toBeLessThanOrEqual(0.05);
  });

  it('finds a model as bad as milling-failure 3 within a thousand pairs', () => {
    const worse = { onlyNewMisses: 0.021, onlyOldMisses: 0.0004 };
    const { share, meanPairs } = simulate({ runs: 200, pairs: 1000, ...worse }, 'roll-back', 300);
    expect(share).toBeGreaterThan(0.98);
    expect(meanPairs).toBeLessThan(500);
  });

  it('seldom lets such a model pass a stage as good enough', () => {
    const worse = { onlyNewMisses: 0.021, onlyOldMisses: 0.0004 };
    const { share } = simulate({ runs: 300, pairs: 1000, ...worse }, 'advance', 300);
    expect(share).toBeLessThanOrEqual(0.01);
  });

  it('calls a model as good as milling-failure 2 better within three thousand pairs', () => {
    const better = { onlyNewMisses: 0.0008, onlyOldMisses: 0.0093 };
    const { share } = simulate({ runs: 200, pairs: 3000, ...better }, 'advance', Number.MAX_SAFE_INTEGER);
    expect(share).toBeGreaterThan(0.95);
  });
});
