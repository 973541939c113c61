/** How to stop what was started: in the reverse order of starting, and every part, whatever another one does. */
export class Stops {
  readonly #works: (() => unknown)[] = [];

  /** Ends before everything that was added earlier. */
  add(work: () => unknown): void {
    this.#works.push(work);
  }

  /** Ends after everything else. */
  addLast(work: () => unknown): void {
    this.#works.unshift(work);
  }

  /** @param onFailure a part did not end well: the others, the store above all, must still do */
  async run(onFailure: (error: unknown) => void): Promise<void> {
    for (const work of this.#works.splice(0).reverse()) {
      try {
        await work();
      } catch (error) {
        onFailure(error);
      }
    }
  }
}
