/** The labelled pairs of one device as the server's store knows them: which of them count at a look. */

/** truth · 4 + champion · 2 + challenger, each 0 or 1. */
export type PairKind = number;
export const PAIR_KINDS = 8;

export interface LabelStock {
  add(sampledMs: number, labelledMs: number, kind: PairKind): void;
  /** Pairs that count at this time, by their kind. */
  counts(nowMs: number): Int32Array;
}

/** Where every label comes at once, every pair counts at once. */
export class PromptStock implements LabelStock {
  readonly #counts = new Int32Array(PAIR_KINDS);

  add(_sampledMs: number, _labelledMs: number, kind: PairKind): void {
    this.#counts[kind] = (this.#counts[kind] ?? 0) + 1;
  }

  counts(): Int32Array {
    return this.#counts;
  }
}

/**
 * The rule of `SqlEvidence` without a database (a test holds the two to each other): a sample counts when it is older,
 * before the newest label, than the device says that "nothing happened" takes, and than three of four labels took.
 */
export class SlowStock implements LabelStock {
  readonly #sampledMs: number[] = [];
  readonly #labelledMs: number[] = [];
  readonly #kinds: PairKind[] = [];
  readonly #declaredMs: number;

  /** @param declaredMs what the device says; 0: nothing */
  constructor(declaredMs: number) {
    this.#declaredMs = declaredMs;
  }

  add(sampledMs: number, labelledMs: number, kind: PairKind): void {
    this.#sampledMs.push(sampledMs);
    this.#labelledMs.push(labelledMs);
    this.#kinds.push(kind);
  }

  counts(nowMs: number): Int32Array {
    const untilMs = this.#untilMs(nowMs);
    const counts = new Int32Array(PAIR_KINDS);
    for (let i = 0; i < this.#kinds.length; i++) {
      const kind = this.#kinds[i] ?? 0;
      const isKnown = (this.#labelledMs[i] ?? 0) <= nowMs;
      if (isKnown && (this.#sampledMs[i] ?? 0) <= untilMs) counts[kind] = (counts[kind] ?? 0) + 1;
    }
    return counts;
  }

  #untilMs(nowMs: number): number {
    const waits = new Map<number, number>();
    let known = 0;
    let newestMs = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < this.#kinds.length; i++) {
      const labelledMs = this.#labelledMs[i] ?? 0;
      if (labelledMs > nowMs) continue;
      const waitMs = labelledMs - (this.#sampledMs[i] ?? 0);
      waits.set(waitMs, (waits.get(waitMs) ?? 0) + 1);
      newestMs = Math.max(newestMs, labelledMs);
      known += 1;
    }
    return newestMs - Math.max(this.#declaredMs, thirdQuartile(waits, known));
  }
}

function thirdQuartile(waits: ReadonlyMap<number, number>, known: number): number {
  let below = 0;
  for (const [waitMs, count] of [...waits].sort(([a], [b]) => a - b)) {
    below += count;
    if (below > Math.floor((known * 3) / 4)) return waitMs;
  }
  return 0;
}
