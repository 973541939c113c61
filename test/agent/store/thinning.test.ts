import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DEEPEST_LEVEL,
  isNotable,
  nextLevel,
  type Remarks,
  shareAfter,
  staysAt,
} from '../../../agent/store/thinning.ts';

const run = fc.integer({ min: 0, max: 2 ** 32 - 1 }).map((n) => n.toString(16).padStart(8, '0'));
const seq = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });

describe('the draw of a prediction', () => {
  it('is the same whether halved one by one or at once', () => {
    fc.assert(
      fc.property(run, seq, fc.integer({ min: 1, max: DEEPEST_LEVEL }), (run, seq, level) => {
        const before = 2 ** -(level - 1);
        const atOnce = staysAt(before / 2, { run, seq, keptShare: 1 });
        const inTurn =
          staysAt(before, { run, seq, keptShare: 1 }) && staysAt(before / 2, { run, seq, keptShare: before });
        expect(atOnce).toBe(inTurn);
      }),
    );
  });

  it.each(['00000000', '00000001', 'deadbeef', 'ffffffff'])(
    'keeps each share of the predictions of run %s, in any stretch and of any period',
    (run) => {
      for (const [from, step] of [
        [1, 1],
        [2, 2],
        [1_000_001, 1],
        [2 ** 40, 7],
      ] as const) {
        for (const level of [1, 2, 5]) {
          const share = 2 ** -level;
          const count = 40_000;
          const kept = Array.from({ length: count }, (_, i) => from + i * step).filter((seq) =>
            staysAt(share, { run, seq, keptShare: 1 }),
          ).length;
          const sd = Math.sqrt(count * share * (1 - share));
          expect(Math.abs(kept - count * share), `level ${level} from ${from} by ${step}`).toBeLessThan(
            4.5 * sd,
          );
        }
      }
    },
  );

  it('of neighbours has nothing to do with one another', () => {
    const draws = Array.from({ length: 40_000 }, (_, i) =>
      staysAt(0.5, { run: '0badcafe', seq: i + 1, keptShare: 1 }),
    );
    for (const distance of [1, 2, 3, 16, 64]) {
      const alike = draws.filter((draw, i) => draw === draws[i + distance]).length;
      expect(Math.abs(alike - 20_000), `${distance} apart`).toBeLessThan(4.5 * 100);
    }
  });
});

describe('a sweep', () => {
  it('halves each prediction once a level, a notable one four levels later, and never gives a share back', () => {
    expect([1, 2, 5].map((level) => shareAfter(level, { keptShare: 1, notable: false }))).toEqual([
      1 / 2,
      1 / 4,
      1 / 32,
    ]);
    expect([1, 4, 5, 6].map((level) => shareAfter(level, { keptShare: 1, notable: true }))).toEqual([
      1,
      1,
      1 / 2,
      1 / 4,
    ]);
    // It came to be notable after it was thinned.
    expect(shareAfter(5, { keptShare: 1 / 8, notable: true })).toBe(1 / 8);
  });

  it('has nothing to do before the level that it names', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 9 }), fc.boolean(), (halved, notable) => {
        const sample = { keptShare: 2 ** -halved, notable };
        const next = nextLevel(sample);
        expect(shareAfter(next - 1, sample)).toBe(sample.keptShare);
        expect(shareAfter(next, sample)).toBe(sample.keptShare / 2);
      }),
    );
  });
});

describe('a notable prediction', () => {
  const usual: Remarks = { health: 0, labels: [1, 1], truth: null, explicit: false };
  it.each<[string, Partial<Remarks>]>([
    ['of a faulty or drifting input, or an unsure model', { health: 16 }],
    ['of which two models said different things', { labels: [1, 0] }],
    ['that turned out otherwise', { truth: 0 }],
    ['that a person has looked at', { truth: 1, explicit: true }],
  ])('is one %s', (_, remarks) => {
    expect(isNotable({ ...usual, ...remarks })).toBe(true);
  });

  it('is none that was right, as the line says of nearly all', () => {
    expect(isNotable(usual)).toBe(false);
    expect(isNotable({ ...usual, truth: 1 })).toBe(false);
  });
});
