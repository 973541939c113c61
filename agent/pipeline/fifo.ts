/** First in, first out; taking one costs the same however many wait. */

/** Places at the front that are left empty before the others move up. */
const SLACK = 1024;

export class Fifo<T> {
  #values: (T | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#values.length - this.#head;
  }

  get first(): T | undefined {
    return this.#values[this.#head];
  }

  push(value: T): void {
    this.#values.push(value);
  }

  shift(): T | undefined {
    const value = this.#values[this.#head];
    if (this.length === 0) return undefined;
    this.#values[this.#head] = undefined;
    this.#head += 1;
    if (this.#head > SLACK && this.#head * 2 > this.#values.length) {
      this.#values = this.#values.slice(this.#head);
      this.#head = 0;
    }
    return value;
  }

  /** Takes out all that `isOut` says; the others keep their order. */
  remove(isOut: (value: T) => boolean): T[] {
    const all = this.#values.slice(this.#head) as T[];
    this.#values = all.filter((value) => !isOut(value));
    this.#head = 0;
    return all.filter(isOut);
  }
}
