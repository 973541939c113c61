/** The tags of samples: few different objects, because equal ones are made once. */
import { MAX_TAG_CHARS, NO_TAGS, type Tags } from '../../protocol/tags.ts';

/** A tag with more values than that is no slice; the rest are taken together. */
const MOST_VALUES = 200;
const REST = 'other';
/** Combinations remembered; beyond them it begins anew, which costs only time. */
const MOST_COMBINATIONS = 5000;

export class SampleTags {
  readonly #constant: Readonly<Record<string, string>>;
  readonly #keys: readonly string[];
  readonly #values: readonly Set<string>[];
  readonly #made = new Map<string, Tags>();

  /**
   * @param constant of every sample of the source
   * @param keys of what differs
   */
  constructor(constant: Readonly<Record<string, string>>, keys: readonly string[]) {
    this.#constant = constant;
    this.#keys = keys;
    this.#values = keys.map(() => new Set());
  }

  /** @param values in the order of the keys; blank: this sample has no such tag */
  of(values: readonly (string | null)[]): Tags {
    const kept = values.map((value, i) => this.#bounded(value, this.#values[i] as Set<string>));
    const key = kept.join('\n');
    const known = this.#made.get(key);
    if (known) return known;
    const own = this.#keys.flatMap((name, i) => (kept[i] === '' ? [] : [[name, kept[i] as string]]));
    const tags = Object.freeze({ ...this.#constant, ...Object.fromEntries(own) });
    if (this.#made.size >= MOST_COMBINATIONS) this.#made.clear();
    const made = Object.keys(tags).length === 0 ? NO_TAGS : tags;
    this.#made.set(key, made);
    return made;
  }

  #bounded(value: string | null, seen: Set<string>): string {
    const text = (value ?? '').replaceAll('\n', ' ').trim().slice(0, MAX_TAG_CHARS);
    if (text === '' || seen.has(text)) return text;
    if (seen.size >= MOST_VALUES) return REST;
    seen.add(text);
    return text;
  }
}
