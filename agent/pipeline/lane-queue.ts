/**
 * What waits in a lane: by priority, and first come first served within one, so that the samples of a source keep their
 * order. The rows of a request stay together. Pure but for its memory.
 */
import { Fifo } from './fifo.ts';
import type { Item } from './lane-item.ts';
import type { LaneRequest } from './lane-request.ts';

export interface Taken {
  /** At most `maxRows`, unless one request alone has more. */
  readonly items: readonly Item[];
  /** Requests whose time was over. */
  readonly expired: readonly LaneRequest[];
}

export class LaneQueue {
  /** Ascending: 1 is first. */
  #levels: { readonly priority: number; readonly items: Fifo<Item> }[] = [];
  #samples = 0;
  #asked = 0;

  /** Items that a source gave. */
  get samples(): number {
    return this.#samples;
  }

  /** Rows of requests. */
  get asked(): number {
    return this.#asked;
  }

  get rows(): number {
    return this.#samples + this.#asked;
  }

  push(item: Item, priority: number): void {
    this.#level(priority).push(item);
    if (item.request) this.#asked += 1;
    else this.#samples += 1;
  }

  /** When the item that would be taken first was accepted; monotonic. */
  oldestUs(): number | undefined {
    return this.#levels.find(({ items }) => items.length > 0)?.items.first?.acceptedUs;
  }

  take(maxRows: number, nowUs: number): Taken {
    const items: Item[] = [];
    const expired: LaneRequest[] = [];
    for (const level of this.#levels) {
      for (let next = level.items.first; next; next = level.items.first) {
        const rows = next.request?.rows ?? 1;
        const isOver = next.request !== null && next.request.deadlineUs <= nowUs;
        if (!isOver && items.length > 0 && items.length + rows > maxRows) return { items, expired };
        if (isOver) expired.push(next.request as LaneRequest);
        for (let i = 0; i < rows; i++) {
          const item = level.items.shift() as Item;
          if (!isOver) items.push(item);
        }
        if (next.request) this.#asked -= rows;
        else this.#samples -= 1;
      }
    }
    return { items, expired };
  }

  /** Takes out the requests whose time is over, wherever they wait. */
  takeExpired(nowUs: number): LaneRequest[] {
    const expired = new Set<LaneRequest>();
    for (const { items } of this.#levels) {
      const over = items.remove(({ request }) => request !== null && request.deadlineUs <= nowUs);
      for (const { request } of over) if (request) expired.add(request);
      this.#asked -= over.length;
    }
    return [...expired];
  }

  #level(priority: number): Fifo<Item> {
    const known = this.#levels.find((level) => level.priority === priority);
    if (known) return known.items;
    const items = new Fifo<Item>();
    this.#levels = [...this.#levels, { priority, items }].sort((a, b) => a.priority - b.priority);
    return items;
  }
}
