/**
 * What waits in a lane: by priority, and first come first served within one, so that the samples of a source keep their
 * order. The rows of a request stay together, and what cannot share a run waits in a line of its own. Pure but for its memory.
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

/** Items that can share a run, first come first served. */
interface Line {
  readonly priority: number;
  readonly batchKey: string;
  readonly items: Fifo<Item>;
}

export class LaneQueue {
  /** By priority, ascending: 1 is first. */
  #lines: Line[] = [];
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
    this.#line(priority, item.request?.batchKey ?? '').push(item);
    if (item.request) this.#asked += 1;
    else this.#samples += 1;
  }

  /** When the item that would be taken first was accepted; monotonic. */
  oldestUs(): number | undefined {
    return this.#first()?.items.first?.acceptedUs;
  }

  take(maxRows: number, nowUs: number): Taken {
    const items: Item[] = [];
    const expired: LaneRequest[] = [];
    const batchKey = this.#first()?.batchKey;
    for (const line of this.#lines.filter((each) => each.batchKey === batchKey)) {
      for (let next = line.items.first; next; next = line.items.first) {
        const rows = next.request?.rows ?? 1;
        const isOver = next.request !== null && next.request.deadlineUs <= nowUs;
        const isFull = items.length > 0 && (items.length + rows > maxRows || next.request?.alone);
        if (!isOver && isFull) return { items, expired };
        if (isOver) expired.push(next.request as LaneRequest);
        for (let i = 0; i < rows; i++) {
          const item = line.items.shift() as Item;
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
    for (const { items } of this.#lines) {
      const over = items.remove(({ request }) => request !== null && request.deadlineUs <= nowUs);
      for (const { request } of over) if (request) expired.add(request);
      this.#asked -= over.length;
    }
    return [...expired];
  }

  /** Of the lines with the first priority that waits, the one whose head came first. */
  #first(): Line | undefined {
    let first: Line | undefined;
    for (const line of this.#lines) {
      const head = line.items.first;
      if (!head) continue;
      if (first && line.priority > first.priority) break;
      if (head.number < (first?.items.first?.number ?? Number.POSITIVE_INFINITY)) first = line;
    }
    return first;
  }

  #line(priority: number, batchKey: string): Fifo<Item> {
    const known = this.#lines.find((line) => line.priority === priority && line.batchKey === batchKey);
    if (known) return known.items;
    const items = new Fifo<Item>();
    // Lines of samples stay, one a priority; callers could think of any number of others.
    const used = this.#lines.filter((line) => line.batchKey === '' || line.items.length > 0);
    this.#lines = [...used, { priority, batchKey, items }].sort((a, b) => a.priority - b.priority);
    return items;
  }
}
