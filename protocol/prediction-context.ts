/**
 * What whole runs of predictions have in common: who spoke, and the circumstances under which. It stands once in a
 * dictionary (on the wire, in both stores), and a prediction carries a small integer for it.
 */
import type { Prediction } from './records.ts';
import { type Tags, tagsText } from './tags.ts';

export interface Circumstances {
  readonly tags: Tags;
  /** Chance that the truth of the prediction can be seen at all, in (0, 1]. */
  readonly propensity: number;
  /** A part that the model would have rejected went on for inspection, by chance. */
  readonly explored: boolean;
  /** Chance that a full store kept the prediction, in (0, 1]. */
  readonly keptShare: number;
}

export type PredictionContext = Pick<Prediction, 'run' | 'slot' | 'model' | 'role'> & Circumstances;

/** Text that differs between any two contexts. */
export function contextKey({
  run,
  slot,
  model,
  role,
  tags,
  propensity,
  explored,
  keptShare,
}: PredictionContext): string {
  return `${run} ${model} ${role} ${propensity} ${explored} ${keptShare} ${tagsText(tags)} ${slot}`;
}

interface Known<T> {
  readonly context: PredictionContext;
  readonly value: T;
}

/**
 * Something kept for each context, found at the cost of a few comparisons, because it is asked for with every row:
 * predictions with equal tags mostly share the object, and under one object stand few contexts.
 */
export class ContextMap<T> {
  readonly #byTags = new WeakMap<Tags, Known<T>[]>();
  readonly #byKey = new Map<string, T>();

  get size(): number {
    return this.#byKey.size;
  }

  get(context: PredictionContext): T | undefined {
    for (const known of this.#byTags.get(context.tags) ?? []) {
      if (isSame(known.context, context)) return known.value;
    }
    const value = this.#byKey.get(contextKey(context));
    if (value !== undefined) this.#remember(context, value);
    return value;
  }

  set(context: PredictionContext, value: T): void {
    this.#byKey.set(contextKey(context), value);
    this.#remember(context, value);
  }

  /** Keeps its own copy: a whole prediction handed in is not held in memory. */
  #remember(context: PredictionContext, value: T): void {
    const { run, slot, model, role, tags, propensity, explored, keptShare } = context;
    const known = { context: { run, slot, model, role, tags, propensity, explored, keptShare }, value };
    const others = this.#byTags.get(tags);
    if (others) others.push(known);
    else this.#byTags.set(tags, [known]);
  }
}

/** Of two contexts that share the object with their tags. */
function isSame(a: PredictionContext, b: PredictionContext): boolean {
  return (
    a.role === b.role &&
    a.model === b.model &&
    a.run === b.run &&
    a.slot === b.slot &&
    a.propensity === b.propensity &&
    a.explored === b.explored &&
    a.keptShare === b.keptShare
  );
}
