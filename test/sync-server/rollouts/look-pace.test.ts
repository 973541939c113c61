import { describe, expect, it } from 'vitest';
import { LookPace } from '../../../sync-server/rollouts/look-pace.ts';

describe('the pace of looks at rollouts', () => {
  it('leaves nine tenths of the time to devices where every look is long', () => {
    const pace = new LookPace(500);
    expect([1000, 1100, 1200].map((tookMs) => pace.waitAfter(tookMs)).at(-1)).toBe(9000);
  });

  it('does not let rollouts stand still after one look that a busy machine held up', () => {
    const pace = new LookPace(500);
    pace.waitAfter(3);
    expect(pace.waitAfter(20_000)).toBe(500);
    expect(pace.waitAfter(4)).toBe(500);
  });

  it('never looks more often than it is told to', () => {
    expect(new LookPace(500).waitAfter(0)).toBe(500);
  });
});
