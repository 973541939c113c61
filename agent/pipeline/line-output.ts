/** Hands what was decided back to the sources that act by it: a gate at the end of the line. */
import type { ActiveModels } from '../models/active-models.ts';
import type { LineDecision, Source } from '../sources/source.ts';
import type { StoredPrediction } from '../store/records.ts';

export interface LineOutputDeps {
  readonly sources: readonly Source[];
  /** Id of the source of each slot. */
  readonly slots: Readonly<Record<string, { readonly source: string }>>;
  readonly models: ActiveModels;
}

export class LineOutput {
  readonly #deps: LineOutputDeps;

  constructor(deps: LineOutputDeps) {
    this.#deps = deps;
  }

  /** Of one slot, in order. */
  give(slot: string, predictions: readonly StoredPrediction[]): void {
    const { sources, slots } = this.#deps;
    const source = sources.find(({ id }) => id === slots[slot]?.source);
    if (!source?.decided) return;
    const labelsOf = this.#labelsOf(slot);
    source.decided(
      predictions.map(({ model, correlationId, label, explored }): LineDecision => {
        return { slot, correlationId, label: labelsOf(model)[label] ?? `${label}`, explored };
      }),
    );
  }

  #labelsOf(slot: string): (model: string) => readonly string[] {
    const { champion, challenger } = this.#deps.models.of(slot) ?? {};
    return (model) => {
      const speaker = challenger?.model.manifestSha256 === model ? challenger.model : champion;
      return speaker?.manifest.output.decision.labels ?? [];
    };
  }
}
