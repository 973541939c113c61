import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairShare } from '../../../agent/pipeline/fair-share.ts';

/** An engine that does one run after the other, on a clock of its own; every lane wants as much as it can get. */
function play(runUs: readonly number[], untilUs: number) {
  const share = new FairShare();
  const usedUs = runUs.map(() => 0);
  const served: { lane: number; startUs: number }[] = [];
  const inEngine: number[] = [];
  let nowUs = 0;
  for (let lane = 0; lane < runUs.length; lane++) for (let i = 0; i < 4; i++) share.add(String(lane));
  while (nowUs < untilUs) {
    for (let next = share.next(); next !== undefined; next = share.next()) inEngine.push(Number(next));
    const lane = inEngine.shift();
    if (lane === undefined) throw new Error('the engine is idle while lanes wait');
    served.push({ lane, startUs: nowUs });
    nowUs += runUs[lane] as number;
    usedUs[lane] = (usedUs[lane] ?? 0) + (runUs[lane] as number);
    share.add(String(lane));
    share.ended(String(lane), runUs[lane] as number);
  }
  return { usedUs, served };
}

describe('the engine, shared', () => {
  it('gives lanes at full load the same time, to within a few of the longest runs', () => {
    const run = fc.integer({ min: 10, max: 60_000 });
    fc.assert(
      fc.property(fc.array(run, { minLength: 2, maxLength: 5 }), (runUs) => {
        const longest = Math.max(...runUs);
        const { usedUs } = play(runUs, longest * 50);
        expect(Math.max(...usedUs) - Math.min(...usedUs)).toBeLessThanOrEqual(4 * longest);
      }),
    );
  });

  it('has a quick lane wait for one long run at most, before it is its turn', () => {
    const share = new FairShare();
    for (let i = 0; i < 3; i++) share.add('slow');
    expect([share.next(), share.next()]).toEqual(['slow', undefined]);
    share.add('quick');
    expect(share.next()).toBe('quick');
    share.ended('slow', 50_000);
    share.ended('quick', 100);
    for (let i = 0; i < 100; i++) {
      share.add('quick');
      expect(share.next()).toBe('quick');
      share.ended('quick', 100);
    }
  });

  it('lets a lane have two short runs in the engine, so that it never idles', () => {
    const share = new FairShare();
    share.add('a');
    expect(share.next()).toBe('a');
    share.ended('a', 200);
    for (let i = 0; i < 3; i++) share.add('a');
    expect([share.next(), share.next(), share.next()]).toEqual(['a', 'a', undefined]);
  });

  it('owes nothing to a lane for the time in which it wanted nothing', () => {
    const share = new FairShare();
    const runOnce = (lane: string, us: number) => {
      share.add(lane);
      expect(share.next()).toBe(lane);
      share.ended(lane, us);
    };
    runOnce('idle', 100);
    for (let i = 0; i < 1000; i++) runOnce('busy', 100);
    const order: string[] = [];
    for (let i = 0; i < 10; i++) for (const lane of ['idle', 'busy']) share.add(lane);
    while (order.length < 20) {
      const lane = share.next();
      if (lane === undefined) break;
      order.push(lane);
      share.ended(lane, 100);
    }
    expect(order.slice(0, 10).filter((lane) => lane === 'busy').length).toBeGreaterThanOrEqual(4);
  });
});
