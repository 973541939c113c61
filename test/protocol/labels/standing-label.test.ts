import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Evidence, evidenceMs, standingLabel } from '../../../protocol/labels/standing-label.ts';
import { labelCases } from '../../support/label-histories.ts';

const evidence: fc.Arbitrary<Evidence> = fc.record({
  kind: fc.constantFrom('explicit', 'implicit'),
  rule: fc.constantFrom('operator', 'rejected', 'reworked'),
  label: fc.integer({ min: 0, max: 2 }),
  weight: fc.constantFrom(0, 0.5, 1),
  precedence: fc.constantFrom(100, 500, 1000),
  withdrawn: fc.boolean(),
  observedMs: fc.option(fc.integer({ min: 0, max: 5 })),
  timeMs: fc.integer({ min: 0, max: 5 }),
});
const history = fc.array(evidence, { maxLength: 12 });

/** Heard at once, or observed at the very time that it was heard: the same. */
const meaning = (stands: Evidence | undefined) => stands && { ...stands, observedMs: evidenceMs(stands) };

describe('the label that stands', () => {
  it('is the same in whatever order evidence arrives', () => {
    fc.assert(
      fc.property(
        history.chain((all) =>
          fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
        ),
        ([all, shuffled]) => {
          expect(meaning(standingLabel(shuffled))).toEqual(meaning(standingLabel(all)));
        },
      ),
    );
  });

  it('is not changed by hearing anything twice', () => {
    fc.assert(
      fc.property(history, fc.nat(), (all, which) => {
        const again = all[which % Math.max(1, all.length)];
        expect(standingLabel(again ? [...all, again] : all)).toEqual(standingLabel(all));
      }),
    );
  });

  it('comes from no rule that has taken its word back, and from a person where one has spoken', () => {
    fc.assert(
      fc.property(history, (all) => {
        const stands = standingLabel(all);
        expect(stands?.withdrawn ?? false).toBe(false);
        const open = all.filter(
          (one) => !one.withdrawn && !all.some((other) => other.withdrawn && other.rule === one.rule),
        );
        if (open.some(({ kind }) => kind === 'explicit')) expect(stands?.kind).toBe('explicit');
        if (open.length > 0) expect(stands).toBeDefined();
      }),
    );
  });
});

describe('golden histories', () => {
  it.each(labelCases())('$name', ({ history, stands }) => {
    if (stands === null) expect(standingLabel(history)).toBeUndefined();
    else expect(standingLabel(history)).toMatchObject(stands);
  });
});
