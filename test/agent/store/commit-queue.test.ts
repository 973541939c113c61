import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../agent/clock.ts';
import { CommitQueue } from '../../../agent/store/commit-queue.ts';
import { Database } from '../../../agent/store/database.ts';
import { Counters } from '../../../daemon/counters.ts';
import { waitFor } from '../../support/wait-for.ts';
import { tempFolder } from './temp-store.ts';

const open: Database[] = [];
afterEach(() => {
  for (const database of open.splice(0)) database.close();
});

/** @param options.disk what stands between the fsync and its answer, in place of nothing */
function queueOf(options: { commitWithinMs: number; maxRows?: number; disk?: () => Promise<void> }) {
  const { commitWithinMs, maxRows = 100, disk = async () => {} } = options;
  const database = Database.open(join(tempFolder(), 'store.db'), { maxBytes: 2 ** 24, logBytes: 2 ** 20 });
  open.push(database);
  const seen = { commits: 0, rollbacks: 0, durable: 0 };
  const counters = new Counters();
  const queue = new CommitQueue({
    database: {
      transaction: (work) => database.transaction(work),
      sync: () => database.sync().then(disk),
    },
    commitWithinMs,
    maxRows,
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
    const { queue, seen } = queueOf({ commitWithinMs: 250 });
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

  it('does not say that anything is recorded while the disk has not confirmed it', async () => {
    let confirm = () => {};
    const disk = () =>
      new Promise<void>((resolve) => {
        confirm = resolve;
      });
    const { queue, seen } = queueOf({ commitWithinMs: 0, disk });
    let answered = false;
    const answer = queue
      .add(1, () => {})
      .then(() => {
        answered = true;
      });
    await waitFor('the commit', () => seen.commits === 1);
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    expect([answered, seen.durable]).toEqual([false, 0]);
    await waitFor('the disk', () => {
      confirm();
      return answered;
    });
    await answer;
    expect(seen.durable).toBe(1);
  });

  it('refuses and counts what the disk did not confirm, and records again when it does', async () => {
    const outcomes = [Promise.reject(new Error('EIO')), Promise.resolve()];
    outcomes[0]?.catch(() => {});
    const disk = () => outcomes.shift() ?? Promise.resolve();
    const { queue, seen, counters } = queueOf({ commitWithinMs: 0, disk });
    await expect(queue.add(3, () => {})).rejects.toMatchObject({ code: 'STORE_UNWRITABLE' });
    expect([seen.durable, counters.get('STORE_UNWRITABLE')]).toEqual([0, 3]);
    expect(queue.failing).toBe('STORE_UNWRITABLE');
    await queue.add(1, () => {});
    expect([seen.durable, queue.failing]).toEqual([1, null]);
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
