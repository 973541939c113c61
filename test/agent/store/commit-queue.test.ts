import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../agent/clock.ts';
import { Counters } from '../../../agent/counters.ts';
import { CommitQueue } from '../../../agent/store/commit-queue.ts';
import { Database } from '../../../agent/store/database.ts';
import { tempFolder } from './temp-store.ts';

const open: Database[] = [];
afterEach(() => {
  for (const database of open.splice(0)) database.close();
});

function queueOf(options: { commitWithinMs: number; maxRows?: number }) {
  const database = Database.open(join(tempFolder(), 'store.db'), { maxBytes: 2 ** 24, logBytes: 2 ** 20 });
  open.push(database);
  const seen = { commits: 0, rollbacks: 0, durable: 0 };
  const counters = new Counters();
  const queue = new CommitQueue({
    database,
    maxRows: 100,
    ...options,
    clock: systemClock,
    counters,
    onRollback: () => {
      seen.rollbacks += 1;
    },
    onCommit: () => {
      seen.commits += 1;
      return () => {
        seen.durable += 1;
      };
    },
    onIdle: () => {},
  });
  return { queue, seen, counters };
}

describe('group commit', () => {
  it('puts what arrives within the bound into one transaction, in order', async () => {
    const { queue, seen } = queueOf({ commitWithinMs: 20 });
    const order: number[] = [];
    const first = [1, 2, 3].map((n) => queue.add(1, () => order.push(n)));
    await new Promise(setImmediate);
    await Promise.all([...first, queue.add(1, () => order.push(4))]);
    expect(order).toEqual([1, 2, 3, 4]);
    expect(seen).toEqual({ commits: 1, rollbacks: 0, durable: 1 });
  });

  it('does not wait for the bound when many rows wait, and keeps transactions to about that many', async () => {
    const { queue, seen } = queueOf({ commitWithinMs: 60_000, maxRows: 10 });
    await Promise.all(Array.from({ length: 9 }, () => queue.add(4, () => {})));
    expect(seen.commits).toBe(3);
  });

  it('answers only when the commit is durable', async () => {
    const { queue, seen } = queueOf({ commitWithinMs: 0 });
    await queue.add(1, () => {
      expect(seen.durable).toBe(0);
    });
    expect(seen.durable).toBe(1);
  });

  it('tells a write that failed from its neighbours, which are recorded one by one', async () => {
    const { queue, seen, counters } = queueOf({ commitWithinMs: 5 });
    const failing = queue.add(1, () => {
      throw new Error('cannot');
    });
    const [failed, fine] = await Promise.allSettled([failing, queue.add(1, () => 'written')]);
    expect(failed).toMatchObject({ status: 'rejected', reason: { code: 'STORE_UNWRITABLE' } });
    expect(fine).toEqual({ status: 'fulfilled', value: 'written' });
    expect(seen).toEqual({ commits: 1, rollbacks: 2, durable: 1 });
    expect(counters.get('STORE_UNWRITABLE')).toBe(1);
  });
});
