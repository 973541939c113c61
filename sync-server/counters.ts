/** Counts of what was refused or went wrong, by code, since the server started. The fleet page shows them. */
export class Counters {
  readonly #counts = new Map<string, number>();

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
