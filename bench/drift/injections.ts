/** How soon drift that is put into real held-out data is found, and how often it is seen where there is none. */
import { randomFrom } from '../../test/support/random.ts';
import { median, quantile } from '../result.ts';
import type { RealSet } from './real-sets.ts';
import { player, WINDOW } from './replay.ts';

/** Nothing found after so many samples is called missed. */
const GIVE_UP = 5000;
const WARM_UP = 2000;
/** Features with fewer bins are switches: a shift of one is no shift. */
const MIN_BINS = 4;

export interface Injection {
  readonly words: string;
  /** @param std of the baseline @param other some row of the set */
  readonly change: (row: readonly number[], feature: number, std: number, other: readonly number[]) => number;
}

/** @param by in the baseline's standard deviations */
export function shifted(by: number): Injection {
  return {
    words: `up by ${by} standard deviation${by === 1 ? '' : 's'}`,
    change: (row, i, std) => (row[i] as number) + by * std,
  };
}
/** The values stay, but belong to another row: only the correlations tell. */
export const SHUFFLED: Injection = {
  words: 'taken from another plate',
  change: (_, i, __, other) => other[i] as number,
};

export interface Found {
  readonly runs: number;
  /** Share of the runs in which a feature that was changed was named. */
  readonly share: number;
  /** Features that were not found in any run. */
  readonly never: readonly string[];
  /** Samples from the change to its being named. */
  readonly medianSamples: number;
  readonly p95Samples: number;
  /** Names of unchanged features a run. */
  readonly othersARun: number;
}

/** Each feature in turn, `seeds` times. */
export function injected(set: RealSet, { change }: Injection, seeds: number, window = WINDOW): Found {
  const delays: number[] = [];
  const never: string[] = [];
  let runs = 0;
  let others = 0;
  set.watched.features.forEach(({ name, std, shares }, feature) => {
    if (shares.length < MIN_BINS) return;
    const foundBefore = delays.length;
    for (let seed = 1; seed <= seeds; seed++) {
      const random = randomFrom(1000 * seed + feature);
      const { play } = player(set.watched, { window });
      const next = rowsFrom(set, random, random());
      const before = play(next(WARM_UP));
      if (before.drifting.includes(name)) continue;
      runs += 1;
      const { alarms } = play(
        mapped(next(GIVE_UP), (row) => {
          const other = set.rows[Math.floor(random() * set.rows.length)] as number[];
          return row.with(feature, change(row, feature, std, other));
        }),
      );
      const found = alarms.find(({ features }) => features.includes(name));
      if (found) delays.push(found.at + 1);
      others += alarms.filter(({ features }) => !features.includes(name)).length;
    }
    if (delays.length === foundBefore) never.push(name);
  });
  return {
    runs,
    share: delays.length / runs,
    never,
    medianSamples: median(delays),
    p95Samples: quantile(delays, 0.95),
    othersARun: others / runs,
  };
}

export interface Untouched {
  readonly samples: number;
  readonly alarms: number;
  readonly per10k: number;
}

/** A series once, in its order; rows that have none are drawn again and again. */
export function untouched(set: RealSet, samples: number, window = WINDOW): Untouched {
  const played = set.isSeries ? set.rows.length : samples;
  const { alarms } = player(set.watched, { window }).play(rowsFrom(set, randomFrom(77), 0)(played));
  return { samples: played, alarms: alarms.length, per10k: (10_000 * alarms.length) / played };
}

/** Rows at random; a series from the place `start` (0..1) on, round and round. */
function rowsFrom({ rows, isSeries }: RealSet, random: () => number, start: number) {
  const first = Math.floor(start * rows.length);
  let taken = 0;
  return function* (count: number): Iterable<readonly number[]> {
    for (let i = 0; i < count; i++) {
      const at = isSeries ? (first + taken) % rows.length : Math.floor(random() * rows.length);
      taken += 1;
      yield rows[at] as number[];
    }
  };
}

function* mapped<T, U>(values: Iterable<T>, change: (value: T) => U): Iterable<U> {
  for (const value of values) yield change(value);
}
