import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../../agent/sources/random.ts';
import type { Metric } from '../../../protocol/manifest.ts';
import { decide } from '../../../sync-server/rollouts/decision.ts';
import type { PairCount } from '../../../sync-server/rollouts/evidence-source.ts';
import { judge, type StageEvidence } from '../../../sync-server/rollouts/judge.ts';
import { PLAN } from '../support.ts';

const F2: Metric = { name: 'f-beta', beta: 2, offline: 0.8, baseline: { name: 'rule', value: 0.4 } };
const ACCURACY: Metric = { name: 'accuracy', offline: 0.9, baseline: { name: 'most common', value: 0.5 } };
const OK = 0;
const FAILURE = 1;
const GUARDRAILS = { predictions: 1000, failures: [], drifting: [] };

function pair(truth: number, champion: number, challenger: number, count: number, weight = 1): PairCount {
  return { truth, champion, challenger, count, weight };
}

function evidence(pairs: readonly PairCount[], changes: Partial<StageEvidence> = {}): StageEvidence {
  return {
    all: pairs,
    fresh: pairs,
    stages: 3,
    guardrails: GUARDRAILS,
    members: 1,
    metric: F2,
    plan: PLAN,
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
    const verdict = decide(evidence([], { guardrails: { ...GUARDRAILS, predictions: 1e6 } }));
    expect(verdict.verdict).toBe('hold');
    expect(verdict.reason).toMatch(/No labels.*about 248 labelled real positives/);
  });

  it('holds when labels came only before this stage', () => {
    expect(decide(evidence([pair(FAILURE, OK, FAILURE, 100)], { fresh: [] })).verdict).toBe('hold');
  });

  it('says roughly how many more pairs it needs, and that those would do', () => {
    const sofar = [pair(OK, OK, OK, 200), pair(FAILURE, FAILURE, FAILURE, 20), pair(OK, FAILURE, OK, 1)];
    const { verdict, reason } = decide(evidence(sofar));
    expect(verdict).toBe('hold');
    const [, more] = /About (\d+) more labelled pairs/.exec(reason) ?? [];
    const times = (221 + Number(more)) / 221;
    const enough = sofar.map((p) => ({ ...p, count: Math.ceil(p.count * times) }));
    expect(decide(evidence(enough)).verdict).toBe('advance');
  });

  it('says so when more labels like these would not do', () => {
    const { verdict, reason } = decide(
      evidence([pair(OK, OK, OK, 100), pair(OK, OK, FAILURE, 3)], { metric: ACCURACY }),
    );
    expect(verdict).toBe('hold');
    expect(reason).toMatch(/More labels like these would not show that it is not worse by 2 points/);
  });

  it('advances a model that does the same as soon as the labels exclude that it is worse by the margin', () => {
    const { verdict, reason } = decide(evidence([pair(OK, OK, OK, 248)], { metric: ACCURACY }));
    expect(verdict).toBe('advance');
    expect(reason).toMatch(/Not worse by 2 points: on 248 labelled pairs.*Difference 0 points \(−2\.0 to/);
    expect(decide(evidence([pair(OK, OK, OK, 247)], { metric: ACCURACY })).verdict).toBe('hold');
  });

  it('counts the margin a real positive where the metric counts misses: many good parts prove nothing', () => {
    expect(decide(evidence([pair(OK, OK, OK, 1e6), pair(FAILURE, FAILURE, FAILURE, 20)])).verdict).toBe(
      'hold',
    );
    expect(decide(evidence([pair(OK, OK, OK, 10), pair(FAILURE, FAILURE, FAILURE, 248)])).verdict).toBe(
      'advance',
    );
  });

  it('advances a clearly better model sooner', () => {
    const verdict = decide(evidence([pair(OK, OK, OK, 200), pair(FAILURE, OK, FAILURE, 12)]));
    expect(verdict).toMatchObject({ verdict: 'advance', reason: expect.stringMatching(/is better/) });
  });

  it('waits in each stage for labels of its own, and while they lean to harm', () => {
    const proven = [pair(OK, OK, OK, 400)];
    const later = (fresh: PairCount[]) =>
      decide(evidence([...proven, ...fresh], { fresh, metric: ACCURACY }));
    expect(later([pair(OK, OK, OK, 199)]).reason).toMatch(/has only 199 labelled pairs of its own/);
    expect(later([pair(OK, OK, OK, 200)]).verdict).toBe('advance');
    const leaning = later([pair(OK, OK, OK, 199), pair(OK, OK, FAILURE, 1)]);
    expect(leaning).toMatchObject({ verdict: 'hold', reason: expect.stringMatching(/lean the other way/) });
  });

  it('finds harm that begins in a later stage, however good the labels before were', () => {
    const before = [pair(OK, OK, OK, 3000), pair(OK, FAILURE, OK, 40)];
    const fresh = [pair(OK, OK, OK, 100), pair(OK, OK, FAILURE, 12)];
    const verdict = decide(evidence([...before, ...fresh], { fresh, metric: ACCURACY }));
    expect(verdict.verdict).toBe('roll-back');
  });

  it('rolls back a model that misses what the old one found, with the counts in the reason', () => {
    const verdict = decide(evidence([pair(OK, OK, OK, 500), pair(FAILURE, FAILURE, OK, 12)]));
    expect(verdict.verdict).toBe('roll-back');
    expect(verdict.reason).toMatch(
      /512 labelled pairs the new model alone missed 12 and raised 0 false alarms.*Difference −100.0 misses saved in 100.*5% of all rollouts/,
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
    const failures = [{ device: 'mill-2', reason: 'golden samples failed' }];
    const guardrails = { ...GUARDRAILS, failures };
    const verdict = decide(evidence([pair(FAILURE, OK, FAILURE, 500)], { guardrails }));
    expect(verdict).toMatchObject({ verdict: 'roll-back', reason: expect.stringMatching(/mill-2.*golden/) });
  });

  it('lets the odd one of very many devices fail', () => {
    const failures = ['mill-2', 'mill-7'].map((device) => ({ device, reason: 'the disk is full' }));
    const of = (members: number) =>
      decide(
        evidence([pair(FAILURE, OK, FAILURE, 500)], { members, guardrails: { ...GUARDRAILS, failures } }),
      );
    expect(of(100).verdict).toBe('advance');
    expect(of(99)).toMatchObject({
      verdict: 'roll-back',
      reason: expect.stringMatching(/Of 99 devices 1 may/),
    });
  });

  it('never advances without a fresh labelled pair', () => {
    fc.assert(
      fc.property(anyPairs, fc.double({ min: 0.001, max: 0.5, noNaN: true }), (pairs, alpha) => {
        const fresh = pairs.map((p) => ({ ...p, count: 0 }));
        const plan = { ...PLAN, alpha, minPairs: 1 };
        expect(decide(evidence(pairs, { fresh, plan })).verdict).not.toBe('advance');
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

/** Looks after every ten pairs, as a conductor would, and stops at the first verdict that is no `hold`. */
function simulate(field: Field): { advanced: number; rolledBack: number; meanPairs: number } {
  const random = new Random(7);
  const ends = { advance: 0, 'roll-back': 0, hold: 0 };
  let pairsUsed = 0;
  for (let run = 0; run < field.runs; run++) {
    const counts = { found: 0, newMissed: 0, oldMissed: 0, fine: 0 };
    let verdict: keyof typeof ends = 'hold';
    let n = 0;
    while (verdict === 'hold' && n < field.pairs) {
      n++;
      const u = random.uniform();
      if (u < field.onlyNewMisses) counts.newMissed++;
      else if (u < field.onlyNewMisses + field.onlyOldMisses) counts.oldMissed++;
      else if (u < 0.04) counts.found++;
      else counts.fine++;
      if (n % 10 !== 0) continue;
      const pairs = [
        pair(OK, OK, OK, counts.fine),
        pair(FAILURE, FAILURE, FAILURE, counts.found),
        pair(FAILURE, FAILURE, OK, counts.newMissed),
        pair(FAILURE, OK, FAILURE, counts.oldMissed),
      ];
      verdict = judge(evidence(pairs)).verdict;
    }
    ends[verdict]++;
    pairsUsed += n;
  }
  const { runs } = field;
  return { advanced: ends.advance / runs, rolledBack: ends['roll-back'] / runs, meanPairs: pairsUsed / runs };
}

// `npm run bench -- canary` plays whole rollouts, many more of them.
describe('the error rates of the decision on rare failures, looked at every ten pairs', () => {
  it('rolls an equal model back in at most alpha of all rollouts', () => {
    const { rolledBack } = simulate({ runs: 300, pairs: 2000, onlyNewMisses: 0.01, onlyOldMisses: 0.01 });
    expect(rolledBack).toBeLessThanOrEqual(0.05);
  });

  it('lets a model that is worse by the margin leave its first stage in at most alpha of all rollouts', () => {
    const worse = { onlyNewMisses: 0.0104, onlyOldMisses: 0.0096 };
    expect(simulate({ runs: 300, pairs: 2000, ...worse }).advanced).toBeLessThanOrEqual(0.05);
  });

  it('finds a model as bad as milling-failure 3 within a thousand pairs', () => {
    const worse = { onlyNewMisses: 0.021, onlyOldMisses: 0.0004 };
    const { rolledBack, meanPairs } = simulate({ runs: 200, pairs: 1000, ...worse });
    expect(rolledBack).toBeGreaterThan(0.98);
    expect(meanPairs).toBeLessThan(500);
  });

  it('lets a model as good as milling-failure 2 on within three thousand pairs', () => {
    const better = { onlyNewMisses: 0.0008, onlyOldMisses: 0.0093 };
    expect(simulate({ runs: 200, pairs: 3000, ...better }).advanced).toBeGreaterThan(0.95);
  });
});
