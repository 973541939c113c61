/**
 * Drift: how soon it is found in real held-out data that it was put into, how often it is seen where there is none, and what
 * observing a sample costs. Writes the tables of docs/drift.md. Needs ANDON_DATA_DIR for the real sets.
 */
import { normalFrom } from '../test/support/random.ts';
import { alarmsOf, judgementsOver } from './drift/chance.ts';
import { type Injection, injected, SHUFFLED, shifted, untouched } from './drift/injections.ts';
import { hasRealSets, machineTemperature, type RealSet, steelPlates } from './drift/real-sets.ts';
import { PSI, player, WINDOW } from './drift/replay.ts';
import {
  alarmsTable,
  chanceTable,
  type InjectedRow,
  injectedTable,
  type UntouchedRow,
  untouchedTable,
  writeTables,
} from './drift/report.ts';
import type { BenchResult } from './result.ts';

const PLATES_DRAWN = 200_000;
const FEATURES = 27;
const COST_SAMPLES = 300_000;

export async function run(say: (line: string) => void): Promise<BenchResult> {
  const dataDir = process.env.ANDON_DATA_DIR;
  const real = hasRealSets(dataDir) ? replays(dataDir, say) : undefined;
  if (!real) say('ANDON_DATA_DIR names no folder with the real sets: their replays are left out.');
  say('simulating unchanged inputs …');
  const chance = [
    { window: 50, judgements: 1_000_000 },
    { window: 100, judgements: 500_000 },
    { window: 500, judgements: 200_000 },
  ].map((row) => ({ ...row, over: judgementsOver(row.window, row.judgements) }));
  const alarms = [0, 0.9, 0.99, 0.999].flatMap((memory) =>
    [50, 100, 500].map((window) => {
      const at = { memory, window, features: FEATURES };
      return { ...at, ...alarmsOf({ ...at, psi: 0 }, 800 * window) };
    }),
  );
  writeTables({ chance: chanceTable(chance), alarms: alarmsTable(alarms) });
  return {
    name: 'drift',
    ratios: {},
    figures: {
      ...real,
      overThresholdShareWindow100: chance[1]?.over ?? Number.NaN,
      simulatedAlarms: alarms.reduce((sum, row) => sum + row.alarms, 0),
      simulatedJudgements: alarms.reduce((sum, { samples, window }) => sum + samples / (window / 2), 0),
      observeNsAFeature: costNs([]) / FEATURES,
      observeNsAFeatureWithPairs: costNs(new Array((FEATURES * (FEATURES - 1)) / 2).fill(0)) / FEATURES,
    },
    baseline: 'nothing: absolute figures',
  };
}

function replays(dataDir: string, say: (line: string) => void): Record<string, number> {
  const plates = steelPlates(dataDir);
  const january = machineTemperature(dataDir, '2014-01-01', '2014-01-20');
  const lastMonth = machineTemperature(dataDir, '2014-01-20', '2014-03-01');
  const found: InjectedRow[] = [];
  const put = (set: RealSet, data: string, injection: Injection, seeds: number, window = WINDOW) => {
    const row = { data, window, words: injection.words, ...injected(set, injection, seeds, window) };
    say(`${data}, window ${window}, ${row.words}: ${(100 * row.share).toFixed(0)} % found`);
    found.push(row);
    return row;
  };
  put(plates, 'steel plates, each input in turn', shifted(0.5), 5);
  const oneStd = put(plates, 'steel plates, each input in turn', shifted(1), 5);
  put(plates, 'steel plates, each input in turn', shifted(2), 5);
  put(plates, 'steel plates, each input in turn', SHUFFLED, 5);
  for (const by of [2, 3]) put(lastMonth, 'machine temperature, from January 20', shifted(by), 40);
  const fourStd = put(lastMonth, 'machine temperature, from January 20', shifted(4), 40);
  put(lastMonth, 'machine temperature, from January 20', shifted(6), 40);
  put(lastMonth, 'machine temperature, from January 20', shifted(2), 40, 4 * WINDOW);
  const calm: UntouchedRow[] = [
    { data: 'steel plates, drawn again and again', window: WINDOW, ...untouched(plates, PLATES_DRAWN) },
    { data: 'machine temperature, January 1 to 19', window: WINDOW, ...untouched(january, 0) },
    { data: 'machine temperature, from January 20', window: WINDOW, ...untouched(lastMonth, 0) },
  ];
  writeTables({ injected: injectedTable(found), untouched: untouchedTable(calm) });
  return {
    steelOneStdFoundShare: oneStd.share,
    steelOneStdP95Samples: oneStd.p95Samples,
    temperatureFourStdFoundShare: fourStd.share,
    temperatureFourStdP95Samples: fourStd.p95Samples,
    steelFalseAlarmsPer10k: calm[0]?.per10k ?? Number.NaN,
    temperatureFalseAlarmsPer10k: ofSeries(calm),
  };
}

function ofSeries(rows: readonly UntouchedRow[]): number {
  const series = rows.slice(1);
  const samples = series.reduce((sum, row) => sum + row.samples, 0);
  return (10_000 * series.reduce((sum, row) => sum + row.alarms, 0)) / samples;
}

/** @returns nanoseconds a sample of 27 features */
function costNs(correlations: readonly number[]): number {
  const normal = normalFrom(3);
  const rows = Array.from({ length: 1000 }, () => Float32Array.from({ length: FEATURES }, normal));
  const edges = [-1.28, -0.84, -0.52, -0.25, 0, 0.25, 0.52, 0.84, 1.28];
  const shares = new Array<number>(10).fill(0.1);
  const features = Array.from({ length: FEATURES }, (_, i) => {
    return { name: `f${i}`, mean: 0, std: 1, edges, shares, categorical: false };
  });
  const { play } = player({ rows: 6000, features, correlations }, { window: WINDOW, psi: PSI });
  const pass = (samples: number) => {
    const startMs = performance.now();
    play(
      (function* () {
        for (let i = 0; i < samples; i++) yield rows[i % rows.length] as Float32Array;
      })(),
    );
    return (1e6 * (performance.now() - startMs)) / samples;
  };
  pass(COST_SAMPLES / 10);
  return pass(COST_SAMPLES);
}
