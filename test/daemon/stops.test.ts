import { describe, expect, it } from 'vitest';
import { Stops } from '../../daemon/stops.ts';

describe('what was started', () => {
  it('stops in the reverse order, one after the other, and last what all others need', async () => {
    const stopped: string[] = [];
    const stops = new Stops();
    stops.add(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      stopped.push('first');
    });
    stops.addLast(() => stopped.push('store'));
    stops.add(() => stopped.push('second'));
    await stops.run(() => undefined);
    expect(stopped).toEqual(['second', 'first', 'store']);
  });

  it('stops whole though parts fail, and tells of each of them', async () => {
    const failures: unknown[] = [];
    const stopped: string[] = [];
    const stops = new Stops();
    stops.add(() => stopped.push('store'));
    stops.add(() => Promise.reject(new Error('later')));
    stops.add(() => {
      throw new Error('at once');
    });
    await stops.run((error) => failures.push(error));
    expect(failures).toEqual([new Error('at once'), new Error('later')]);
    expect(stopped).toEqual(['store']);
  });

  it('stops once', async () => {
    let times = 0;
    const stops = new Stops();
    stops.add(() => {
      times += 1;
    });
    await stops.run(() => undefined);
    await stops.run(() => undefined);
    expect(times).toBe(1);
  });
});
