/** Walks the keys of a table some of whose pages cannot be read: around the bad places, by halves. Pure but for its probes. */

export interface Probes {
  /** The least key at or after this one; undefined when there is none. @throws when the way there cannot be read */
  readonly first: (from: number) => number | undefined;
  /** The greatest key at or before this one. @throws likewise */
  readonly last: (to: number) => number | undefined;
  /** Takes the rows of a range, both ends included, all of them or none. @throws when one cannot be read */
  readonly take: (from: number, to: number) => void;
  /** Of an error: it says that something cannot be read. Any other ends the walk. */
  readonly isUnreadable: (cause: unknown) => boolean;
}

/** Keys that could not be reached, both ends included. */
export interface KeyRange {
  readonly from: number;
  readonly to: number;
}

const HIGHEST = 2 ** 52;
const KEYS_A_STEP = 4096;
/** A table whose every page is bad would otherwise be asked for each key that it ever had. */
const MAX_FAILURES = 200_000;

/**
 * Takes what can be read.
 * @param head greatest key that is known to have been there
 * @returns what could not, in order
 */
export function takeReadable(probes: Probes, head: number): KeyRange[] {
  const first = leastReachable(probes);
  const last = first && greatestReachable(probes, first.key);
  const lost: KeyRange[] = [];
  if (!first || !last) return head > 0 ? [{ from: 1, to: head }] : [];
  let failures = 0;
  const lose = (from: number, to: number) => {
    const before = lost.at(-1);
    if (before && before.to === from - 1) lost[lost.length - 1] = { from: before.from, to };
    else lost.push({ from, to });
  };
  const take = (from: number, to: number): void => {
    try {
      probes.take(from, to);
    } catch (cause) {
      if (!probes.isUnreadable(cause)) throw cause;
      failures += 1;
      const middle = Math.floor((from + to) / 2);
      if (from === to || failures > MAX_FAILURES) {
        lose(from, to);
      } else {
        take(from, middle);
        take(middle + 1, to);
      }
    }
  };
  for (let from = first.key; from <= last.key; from += KEYS_A_STEP) {
    take(from, Math.min(from + KEYS_A_STEP - 1, last.key));
  }
  if (first.key > 1 && !first.certain) lost.unshift({ from: 1, to: first.key - 1 });
  if (head > last.key) lose(last.key + 1, head);
  return lost;
}

interface Reached {
  readonly key: number;
  /** Nothing is beyond it. */
  readonly certain: boolean;
}

/** In doubling steps from the far end to the first place that can be read, then back by halves. */
function leastReachable({ first, last }: Probes): Reached | undefined {
  const atOnce = tried(() => first(1));
  if (atOnce !== 'unreadable') return atOnce === undefined ? undefined : { key: atOnce, certain: true };
  const greatest = tried(() => last(HIGHEST));
  const until = typeof greatest === 'number' ? greatest : HIGHEST;
  const isGood = (from: number) => typeof tried(() => first(from)) === 'number';
  let bad = 1;
  for (let from = 2; bad < until; from = Math.min(2 * from, until)) {
    if (isGood(from)) return reached(tried(() => first(byHalves(bad, from, isGood))));
    bad = from;
  }
  return undefined;
}

function greatestReachable({ last }: Probes, least: number): Reached | undefined {
  const atOnce = tried(() => last(HIGHEST));
  if (atOnce !== 'unreadable') return atOnce === undefined ? undefined : { key: atOnce, certain: true };
  const isGood = (to: number) => typeof tried(() => last(to)) === 'number';
  let bad = HIGHEST;
  for (let to = HIGHEST / 2; bad > least; to = Math.max(Math.floor(to / 2), least)) {
    if (isGood(to)) return reached(tried(() => last(-byHalves(-bad, -to, (place) => isGood(-place)))));
    bad = to;
  }
  return undefined;
}

function reached(key: number | undefined | 'unreadable'): Reached | undefined {
  return typeof key === 'number' ? { key, certain: false } : undefined;
}

/** The place next to the bad one from which on it is good. */
function byHalves(bad: number, good: number, isGood: (place: number) => boolean): number {
  let [low, high] = [bad, good];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (isGood(middle)) high = middle;
    else low = middle;
  }
  return high;
}

function tried(probe: () => number | undefined): number | undefined | 'unreadable' {
  try {
    return probe();
  } catch {
    return 'unreadable';
  }
}
