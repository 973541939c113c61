/** Whether a process has grown so far beyond what its models need that a fresh one does better. Pure. */

/** Without a limit of the device's own: far beyond what buffers of large batches make of a process that has just loaded. */
const FACTOR = 4;
const BESIDE_BYTES = 512 * 2 ** 20;
/** A process is made anew once in so long, at most. */
const REST_MS = 60_000;
/** Within this time a second renewal says that the work needs that memory: the limit doubles. */
const MEMORY_MS = 60 * 60_000;

export class GrowthWatch {
  readonly #maxRssBytes: number | null;
  #renewalsMs: number[] = [];

  /** @param maxRssBytes of the device's config; null: far beyond its size after loading */
  constructor(maxRssBytes: number | null) {
    this.#maxRssBytes = maxRssBytes;
  }

  /**
   * @param loadedBytes resident memory when its newest model was loaded
   * @param nowMs monotonic
   */
  isTooLarge(rssBytes: number, loadedBytes: number, nowMs: number): boolean {
    const lastMs = this.#renewalsMs.at(-1);
    if (lastMs !== undefined && nowMs - lastMs < REST_MS) return false;
    this.#renewalsMs = this.#renewalsMs.filter((ms) => nowMs - ms < MEMORY_MS);
    const ownLimit = (FACTOR * loadedBytes + BESIDE_BYTES) * 2 ** this.#renewalsMs.length;
    return rssBytes > (this.#maxRssBytes ?? ownLimit);
  }

  renewed(nowMs: number): void {
    this.#renewalsMs.push(nowMs);
  }
}
