import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Item, itemsOf } from '../../../agent/pipeline/lane-item.ts';
import { LaneQueue } from '../../../agent/pipeline/lane-queue.ts';
import { LaneRequest } from '../../../agent/pipeline/lane-request.ts';

function sampleItem(number: number): Item {
  const sample = { source: 'line', timeMs: 0, correlationId: `s${number}`, features: {} };
  return { sample, acceptedUs: 0, number, request: null };
}

function requestItems(number: number, rows: number, timeoutUs = 0): Item[] {
  const ask = { rows, data: new Float32Array(rows), timeoutUs };
  return itemsOf(new LaneRequest(ask, 0, number), ask, { timeMs: 0, acceptedUs: 0, number });
}

interface Step {
  readonly rows: number;
  readonly priority: number;
  readonly isRequest: boolean;
  readonly timeoutUs: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  rows: fc.integer({ min: 1, max: 12 }),
  priority: fc.integer({ min: 1, max: 4 }),
  isRequest: fc.boolean(),
  timeoutUs: fc.constantFrom(0, 0, 5),
});

function fill(queue: LaneQueue, steps: readonly Step[]): void {
  let number = 1;
  for (const { rows, priority, isRequest, timeoutUs } of steps) {
    const items = isRequest ? requestItems(number, rows, timeoutUs) : [sampleItem(number)];
    for (const item of items) queue.push(item, priority);
    number += items.length;
  }
}

/** All that the queue gives, batch by batch. */
function drain(queue: LaneQueue, maxRows: number, nowUs: number) {
  const batches: (readonly Item[])[] = [];
  const expired: LaneRequest[] = [];
  while (queue.rows > 0) {
    const taken = queue.take(maxRows, nowUs);
    batches.push(taken.items);
    expired.push(...taken.expired);
  }
  return { batches, expired };
}

describe('the queue of a lane', () => {
  it('gives every row once, or tells that its request is over', () => {
    fc.assert(
      fc.property(fc.array(step), fc.integer({ min: 1, max: 16 }), (steps, maxRows) => {
        const queue = new LaneQueue();
        fill(queue, steps);
        const rows = queue.rows;
        const { batches, expired } = drain(queue, maxRows, 10);
        const given = batches.flat();
        expect(given.length + expired.reduce((sum, request) => sum + request.rows, 0)).toBe(rows);
        expect(new Set(given).size).toBe(given.length);
        expect(given.every(({ request }) => request === null || request.deadlineUs > 10)).toBe(true);
        expect([queue.samples, queue.asked]).toEqual([0, 0]);
      }),
    );
  });

  it('keeps a request in one batch, and a batch within its size unless one request alone is larger', () => {
    fc.assert(
      fc.property(fc.array(step), fc.integer({ min: 1, max: 16 }), (steps, maxRows) => {
        const queue = new LaneQueue();
        fill(queue, steps);
        for (const batch of drain(queue, maxRows, 0).batches) {
          const requests = new Set(batch.map(({ request }) => request));
          for (const request of requests) {
            if (request) expect(batch.filter((item) => item.request === request)).toHaveLength(request.rows);
          }
          expect(batch.length <= maxRows || requests.size === 1).toBe(true);
        }
      }),
    );
  });

  it('lets a higher priority go first, and within one whoever came first', () => {
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const queue = new LaneQueue();
        fill(queue, steps);
        const priorityOf = new Map<number, number>();
        let number = 1;
        for (const { rows, priority, isRequest } of steps) {
          for (let i = 0; i < (isRequest ? rows : 1); i++) priorityOf.set(number++, priority);
        }
        const given = drain(queue, 7, 0).batches.flat();
        const order = given.map((item) => [priorityOf.get(item.number) ?? 0, item.number] as const);
        expect(order).toEqual([...order].sort((a, b) => a[0] - b[0] || a[1] - b[1]));
      }),
    );
  });

  it('takes out what is over wherever it waits, and leaves the others in their order', () => {
    const queue = new LaneQueue();
    const [first, late, last] = [sampleItem(1), requestItems(2, 3, 5), sampleItem(5)];
    for (const item of [first, ...late, last]) queue.push(item, 10);
    expect(queue.takeExpired(4)).toEqual([]);
    expect(queue.takeExpired(5)).toEqual([late[0]?.request]);
    expect([queue.samples, queue.asked]).toEqual([2, 0]);
    expect(queue.take(10, 5).items).toEqual([first, last]);
  });
});
