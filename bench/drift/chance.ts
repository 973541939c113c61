/** How often unchanged data are called drifting: simulated, with thresholds of chance alone and with those that ship. */
import type { WatchedFeature } from '../../agent/monitor/watched-features.ts';
import { judgeDrift } from '../../protocol/drift/drift-verdict.ts';
import { sharesOf } from '../../protocol/drift/histogram-distance.ts';
import { normalFrom, randomFrom } from '../../test/support/random.ts';
import { player } from './replay.ts';

/** Deciles of the standard normal distribution. */
const EDGES = [-1.2816, -0.8416, -0.5244, -0.2533, 0, 0.2533, 0.5244, 0.8416, 1.2816];
const SHARES = new Array<number>(10).fill(0.1);
const BASELINE_ROWS = 6000;
/** The baseline is a sample too: drawn anew after so many judgements. */
const ON_ONE_BASELINE = 100;

/**
 * Share of single judgements of one unchanged feature that pass the thresholds of chance, without a floor.
 * Stated: FALSE_ALARM, 1e-4.
 */
export function judgementsOver(window: number, judgements: number): number {
  const random = randomFrom(window);
  const drawn = (rows: number) => {
    const counts = new Array<number>(10).fill(0);
    for (let n = 0; n < rows; n++) {
      const bin = Math.floor(random() * 10);
      counts[bin] = (counts[bin] as number) + 1;
    }
    return counts;
  };
  let shares: number[] = [];
  let over = 0;
  for (let i = 0; i < judgements; i++) {
    if (i % ON_ONE_BASELINE === 0) shares = sharesOf(drawn(BASELINE_ROWS));
    const reference = { shares, rows: BASELINE_ROWS, categorical: false };
    const counts = drawn(window);
    const statistics = { samples: window, counts, mean: 0, autocorrelation: 0, missing: 0 };
    if (judgeDrift(statistics, reference, 0, 1).excess > 1) over += 1;
  }
  return over / judgements;
}

export interface Alarms {
  readonly samples: number;
  readonly alarms: number;
}

/**
 * Alarms of a slot whose features never change; an alarm takes two judgements in a row.
 * @param memory correlation of neighbouring samples, 0..1
 * @param psi the floor: 0 leaves the thresholds to chance
 */
export function alarmsOf(
  at: { features: number; window: number; memory: number; psi: number },
  samples: number,
): Alarms {
  const normal = normalFrom(at.features * 1000 + at.window);
  const features = Array.from({ length: at.features }, (_, i) => featureOf(`f${i}`));
  const { play } = player({ rows: BASELINE_ROWS, features, correlations: [] }, at);
  const values = Float64Array.from(features, normal);
  const fresh = Math.sqrt(1 - at.memory ** 2);
  const { alarms } = play(
    (function* () {
      for (let i = 0; i < samples; i++) {
        for (let f = 0; f < values.length; f++)
          values[f] = at.memory * (values[f] as number) + fresh * normal();
        yield values;
      }
    })(),
  );
  return { samples, alarms: alarms.length };
}

function featureOf(name: string): WatchedFeature {
  return { name, mean: 0, std: 1, edges: EDGES, shares: SHARES, categorical: false };
}
