/** The gate at the end of the simulated line: it takes off what the model rejects, and lets through what goes on by chance. */
import type { LineDecision } from './source.ts';

/** Taken parts are remembered until their events would have been due; on a fast line these many are enough. */
const REMEMBERED = 200_000;

export class SimulatedGate {
  readonly #rejects: ReadonlySet<string>;
  readonly #taken = new Set<string>();

  constructor({ rejects }: { readonly rejects: readonly string[] }) {
    this.#rejects = new Set(rejects);
  }

  /** @returns the parts of these that it takes off the line now */
  takenOff(decisions: readonly LineDecision[]): string[] {
    return decisions.flatMap(({ correlationId, label, explored }) => {
      if (correlationId === null || explored || !this.#rejects.has(label)) return [];
      if (this.#taken.size >= REMEMBERED) this.#taken.clear();
      this.#taken.add(correlationId);
      return [correlationId];
    });
  }

  hasTaken(correlationId: string): boolean {
    return this.#taken.has(correlationId);
  }
}
