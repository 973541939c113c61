/** Counts of what went wrong, was refused or dropped, by code, since the start. Pages and /metrics show them. */
export class Counters {
  readonly #counts = new Map<string, number>();

  /** @param code an error code, or `stage.what` for things that are no error (`source.samples`) */
  add(code: string, amount = 1): void {
    this.#counts.set(code, (this.#counts.get(code) ?? 0) + amount);
  }

  get(code: string): number {
    return this.#counts.get(code) ?? 0;
  }

  snapshot(): Record<string, number> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}
