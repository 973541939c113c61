/** Tells whoever listens that something changed; what, they look up themselves. */
export class Notice {
  readonly #listeners = new Set<() => void>();

  /** @returns takes the listener away again */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  give(): void {
    for (const listener of this.#listeners) listener();
  }
}
