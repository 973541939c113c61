import { beforeAll, describe, expect, it } from 'vitest';
import { MillingProcess, PROCESS_VALUES, processFailures } from '../../../agent/sources/milling-process.ts';

/** The published rows: mean, standard deviation. */
const PUBLISHED = {
  air_temperature_k: [300.0, 2.0],
  process_temperature_k: [310.01, 1.48],
  rotational_speed_rpm: [1538.8, 179.3],
  torque_nm: [39.99, 9.97],
  tool_wear_min: [107.95, 63.65],
} as const;

const PARTS = 400_000;
const counts: Record<string, number> = {};
const moments = Object.fromEntries(
  PROCESS_VALUES.map((name) => [name, { sum: 0, squares: 0, min: Infinity, max: -Infinity }]),
);

/** A short memory makes the temperatures average out within the test. */
beforeAll(() => {
  const process = new MillingProcess(1, 50);
  const count = (what: string) => {
    counts[what] = (counts[what] ?? 0) + 1;
  };
  for (let i = 0; i < PARTS; i++) {
    const { values, failures } = process.next();
    count(values.type);
    for (const mode of failures) count(mode);
    if (failures.length > 0) count('any');
    for (const name of PROCESS_VALUES) {
      const m = moments[name];
      if (!m) continue;
      m.sum += values[name];
      m.squares += values[name] ** 2;
      m.min = Math.min(m.min, values[name]);
      m.max = Math.max(m.max, values[name]);
    }
  }
});

const perTenThousand = (what: string) => ((counts[what] ?? 0) / PARTS) * 10_000;

describe('the simulated milling process', () => {
  it.each(PROCESS_VALUES)('gives %s the mean and deviation of the published rows', (name) => {
    const m = moments[name];
    const [mean, sd] = PUBLISHED[name];
    const simulated = (m?.sum ?? 0) / PARTS;
    const deviation = Math.sqrt((m?.squares ?? 0) / PARTS - simulated ** 2);
    expect(Math.abs(simulated - mean)).toBeLessThan(0.05 * sd);
    expect(Math.abs(deviation / sd - 1)).toBeLessThan(0.05);
  });

  it('keeps every value inside the machine for hundreds of thousands of parts', () => {
    expect(moments.air_temperature_k?.min).toBeGreaterThanOrEqual(295.4);
    expect(moments.air_temperature_k?.max).toBeLessThanOrEqual(304.6);
    expect(moments.torque_nm?.min).toBeGreaterThanOrEqual(0);
    expect(moments.rotational_speed_rpm?.max).toBeLessThanOrEqual(3000);
    expect(moments.tool_wear_min?.max).toBeLessThanOrEqual(240);
  });

  it.each([
    ['L', 6000, 100],
    ['M', 2997, 100],
    ['H', 1003, 50],
    // Published counts in 10,000 rows, and about three standard deviations of such a count.
    ['TWF', 46, 20],
    ['HDF', 115, 32],
    ['PWF', 95, 29],
    ['OSF', 98, 30],
    ['any', 339, 54],
  ])('makes %s about as often as in the published rows', (what, published, band) => {
    expect(Math.abs(perTenThousand(what) - published)).toBeLessThan(band);
  });

  it('fails one part in a thousand for no reason', () => {
    expect(Math.abs(perTenThousand('RNF') - 10)).toBeLessThan(2);
  });

  it('plays the same parts again from the same seed, and others from another', () => {
    const parts = (seed: number) => {
      const process = new MillingProcess(seed);
      return Array.from({ length: 50 }, () => process.next());
    };
    expect(parts(3)).toEqual(parts(3));
    expect(parts(3)).not.toEqual(parts(4));
  });

  it('wears the tool by 2, 3 or 5 minutes a part and replaces it between 195 and 240', () => {
    const process = new MillingProcess(5);
    const adds = { L: 2, M: 3, H: 5 };
    let before = process.next().values;
    for (let i = 0; i < 20_000; i++) {
      const { values } = process.next();
      if (values.tool_wear_min === 0) expect(before.tool_wear_min).toBeGreaterThan(194);
      else expect(values.tool_wear_min).toBe(before.tool_wear_min + adds[before.type]);
      before = values;
    }
  });

  it('lets drift move the process itself, so that failures follow', () => {
    const process = new MillingProcess(6);
    let overloaded = 0;
    for (let i = 0; i < 2000; i++) {
      if (process.next({ torque_nm: 25 }).failures.includes('PWF')) overloaded += 1;
    }
    expect(overloaded).toBeGreaterThan(200);
  });
});

describe('the failure rules of the published rows', () => {
  const healthy = {
    type: 'L',
    air_temperature_k: 300,
    process_temperature_k: 310,
    rotational_speed_rpm: 1500,
    torque_nm: 40,
    tool_wear_min: 100,
  } as const;

  it.each([
    ['none on a usual part', {}, []],
    ['heat below 8.6 K and 1380 rpm', { process_temperature_k: 308.5, rotational_speed_rpm: 1379 }, ['HDF']],
    ['no heat failure at 1380 rpm', { process_temperature_k: 308.5, rotational_speed_rpm: 1380 }, []],
    ['power below 3500 W', { torque_nm: 22 }, ['PWF']],
    ['power above 9000 W', { torque_nm: 58 }, ['PWF']],
    ['strain above 11000 on L', { tool_wear_min: 220, torque_nm: 50.1 }, ['OSF']],
    ['no overstrain at the same on M', { type: 'M', tool_wear_min: 220, torque_nm: 50.1 }, []],
    ['strain above 13000 on H', { type: 'H', tool_wear_min: 239, torque_nm: 54.5 }, ['OSF']],
  ] as const)('say %s', (_what, change, modes) => {
    expect(processFailures({ ...healthy, ...change })).toEqual(modes);
  });
});
