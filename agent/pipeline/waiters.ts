/** Those who wait for something to become true, and look again when they are released. */
export class Waiters {
  #resolves: (() => void)[] = [];

  wait(): Promise<void> {
    return new Promise((resolve) => this.#resolves.push(resolve));
  }

  release(): void {
    const resolves = this.#resolves;
    this.#resolves = [];
    for (const resolve of resolves) resolve();
  }
}
