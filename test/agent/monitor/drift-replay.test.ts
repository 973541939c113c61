import { describe, expect, it } from 'vitest';
import { injected, SHUFFLED, shifted, untouched } from '../../../bench/drift/injections.ts';
import { hasRealSets, machineTemperature, steelPlates } from '../../../bench/drift/real-sets.ts';

const dataDir = process.env.ANDON_DATA_DIR ?? '';
const there = hasRealSets(dataDir);
if (!there)
  console.warn('skipped "drift in real held-out data": ANDON_DATA_DIR names no folder with the sets');

/** A short form of `npm run bench -- drift`, which writes the figures into docs/drift.md. */
describe.skipIf(!there)('drift in real held-out data', () => {
  it('finds each steel plate input that rises by one standard deviation, and no other', () => {
    const found = injected(steelPlates(dataDir), shifted(1), 1);
    expect(found).toMatchObject({ share: 1, never: [] });
    expect(found.p95Samples).toBeLessThanOrEqual(1000);
    expect(found.othersARun).toBeLessThan(0.2);
  });

  it('finds inputs of another plate, which only correlations can tell', () => {
    expect(injected(steelPlates(dataDir), SHUFFLED, 1).share).toBeGreaterThan(0.9);
  });

  it('finds a machine that runs hotter by four standard deviations', () => {
    const found = injected(machineTemperature(dataDir, '2014-01-20', '2014-03-01'), shifted(4), 10);
    expect(found.share).toBe(1);
    expect(found.p95Samples).toBeLessThanOrEqual(2500);
  });

  it('is calm where nothing was put in', () => {
    expect(untouched(steelPlates(dataDir), 50_000).per10k).toBeLessThan(0.5);
    expect(untouched(machineTemperature(dataDir, '2014-01-01', '2014-01-20'), 0).alarms).toBe(0);
    expect(untouched(machineTemperature(dataDir, '2014-01-20', '2014-03-01'), 0).alarms).toBe(0);
  });
});
