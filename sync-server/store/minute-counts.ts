/** Counts predictions of one batch by context and minute of device time. */

/** The unit in which predictions are counted. */
export function minuteOf(timeMs: number): number {
  return Math.floor(timeMs / 60_000);
}

export class MinuteCounts {
  readonly #contexts = new Map<number, Map<number, number>>();

  add(contextId: number, timeMs: number): void {
    let minutes = this.#contexts.get(contextId);
    if (!minutes) {
      minutes = new Map();
      this.#contexts.set(contextId, minutes);
    }
    const minute = minuteOf(timeMs);
    minutes.set(minute, (minutes.get(minute) ?? 0) + 1);
  }

  each(visit: (contextId: number, minute: number, count: number) => void): void {
    for (const [contextId, minutes] of this.#contexts) {
      for (const [minute, count] of minutes) visit(contextId, minute, count);
    }
  }
}
