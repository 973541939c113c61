/**
 * Who may use the engine next, when several lanes want it: the one that has had least of its time (start-time fair
 * queueing, Goyal 1996). A lane that was idle starts where the others are: it has saved nothing up. Pure but for its memory.
 */

/** Runs with the engine at once: it works on one while the next one lies ready. */
const RUNS = 2;
/** A run of this length gains nothing from another of its lane that lies ready behind it, and may be in others' way. */
const LONG_US = 5000;

interface Lane {
  /** Of engine time, on the scale that all lanes share. */
  usedUs: number;
  waiting: number;
  /** What was charged for each run under way, oldest first. */
  readonly charges: number[];
  /** Unknown before the first run, which then goes alone. */
  lastRunUs: number | undefined;
}

export class FairShare {
  readonly #lanes = new Map<string, Lane>();
  #running = 0;
  /** What the lane that was served last had used by then. */
  #nowUs = 0;

  /** A run that waits for its turn. */
  add(lane: string): void {
    const own = this.#of(lane);
    if (own.waiting + own.charges.length === 0) own.usedUs = Math.max(own.usedUs, this.#nowUs);
    own.waiting += 1;
  }

  /** @returns the lane whose turn it is, its run taken as started; undefined when nobody waits or the engine has enough to do */
  next(): string | undefined {
    if (this.#running >= RUNS) return undefined;
    let best: { name: string; lane: Lane } | undefined;
    for (const [name, lane] of this.#lanes) {
      // Of a first run nobody knows how long it will be: the others go on.
      const isFirst = lane.lastRunUs === undefined && lane.charges.length > 0;
      if (lane.waiting === 0 || isFirst) continue;
      if (!best || lane.usedUs < best.lane.usedUs) best = { name, lane };
    }
    // Where its turn must wait for its own long run, no other goes before: equal turns would not be equal time.
    if (!best || best.lane.charges.length >= atOnce(best.lane)) return undefined;
    const { lane, name } = best;
    this.#nowUs = Math.max(this.#nowUs, lane.usedUs);
    // Charged beforehand as much as the last one took; put right when it ends.
    const chargeUs = lane.lastRunUs ?? 0;
    lane.usedUs += chargeUs;
    lane.charges.push(chargeUs);
    lane.waiting -= 1;
    this.#running += 1;
    return name;
  }

  /** @param runUs engine time that the oldest run of the lane took */
  ended(name: string, runUs: number): void {
    const lane = this.#of(name);
    lane.usedUs += runUs - (lane.charges.shift() ?? 0);
    lane.lastRunUs = runUs;
    this.#running -= 1;
  }

  #of(name: string): Lane {
    const known = this.#lanes.get(name);
    if (known) return known;
    const lane: Lane = { usedUs: 0, waiting: 0, charges: [], lastRunUs: undefined };
    this.#lanes.set(name, lane);
    return lane;
  }
}

function atOnce({ lastRunUs }: Lane): number {
  return lastRunUs !== undefined && lastRunUs < LONG_US ? RUNS : 1;
}
