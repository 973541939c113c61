import { describe, expect, it } from 'vitest';
import { correlation, correlationExcess, gradesOf } from '../../../protocol/drift/correlation-shift.ts';

describe('the correlation of grades', () => {
  it('gives each bin its middle rank in the baseline, with mean 0', () => {
    expect(gradesOf([0.25, 0.25, 0.5])).toEqual([-0.375, -0.125, 0.25]);
    const shares = [0.25, 0.25, 0.5];
    expect(gradesOf(shares).reduce((sum, grade, i) => sum + grade * (shares[i] ?? 0), 0)).toBeCloseTo(0, 12);
  });

  it('is 1 for rows that rise together, -1 for those that fall, NaN when one stands still', () => {
    const sums = (rows: [number, number][]) => ({
      rows: rows.length,
      x: rows.reduce((sum, [x]) => sum + x, 0),
      y: rows.reduce((sum, [, y]) => sum + y, 0),
      xx: rows.reduce((sum, [x]) => sum + x * x, 0),
      yy: rows.reduce((sum, [, y]) => sum + y * y, 0),
      xy: rows.reduce((sum, [x, y]) => sum + x * y, 0),
    });
    expect(correlation(sums([[-0.4, -0.1], [0, 0], [0.4, 0.1]]))).toBeCloseTo(1, 12); // biome-ignore format: rows
    expect(correlation(sums([[-0.4, 0.1], [0, 0], [0.4, -0.1]]))).toBeCloseTo(-1, 12); // biome-ignore format: rows
    expect(correlation(sums([[0.2, 0.1], [0.2, 0.3]]))).toBeNaN(); // biome-ignore format: rows
  });

  it('shifts only when it is both more than chance and enough to matter', () => {
    expect(correlationExcess(0.1, 0.8, 500, 5000, 10)).toBeGreaterThan(1);
    expect(correlationExcess(0.65, 0.8, 5000, 5000, 10)).toBeLessThan(1);
    expect(correlationExcess(0.3, 0.8, 12, 5000, 10)).toBe(0);
    expect(correlationExcess(0.3, 0.8, 35, 5000, 300)).toBeLessThan(1);
    expect(correlationExcess(Number.NaN, 0.8, 500, 5000, 10)).toBe(0);
  });
});
