/** The last values of one feature, from which models of kind `window` get their rows. Pure but for its memory. */

/** Twice the longest window of a manifest: a row can still be made again some thousand samples later. */
const CAPACITY = 8192;

export class Windower {
  /** A ring in which every value stands twice, so that any window is one contiguous piece. */
  readonly #values = new Float32Array(2 * CAPACITY);
  #count = 0;

  /** @returns the value's place: how many there were, this one included */
  push(value: number): number {
    const at = this.#count % CAPACITY;
    this.#values[at] = value;
    this.#values[at + CAPACITY] = value;
    this.#count += 1;
    return this.#count;
  }

  /** Writes the `length` values up to the one at `place`, oldest first. */
  copy(place: number, length: number, into: Float32Array | Uint8Array, at: number): void {
    const end = ((place - 1) % CAPACITY) + 1 + CAPACITY;
    into.set(this.#values.subarray(end - length, end), at);
  }
}

/** Whether a prediction is made at `place`: the window is full, and every `stride` values from then on. */
export function isDue(window: { readonly length: number; readonly stride: number }, place: number): boolean {
  const beyond = place - window.length;
  return beyond >= 0 && beyond % window.stride === 0;
}
