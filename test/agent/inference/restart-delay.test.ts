import { describe, expect, it } from 'vitest';
import { restartDelayMs } from '../../../agent/inference/restart-delay.ts';

describe('the delay before an engine’s successor', () => {
  it('is nothing at first, doubles with each death within a minute, and stays under five seconds', () => {
    const deaths: number[] = [];
    const delays = Array.from({ length: 12 }, (_, i) => {
      deaths.push(i);
      return restartDelayMs(deaths, i);
    });
    expect(delays).toEqual([0, 0, 0, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
  });

  it('forgets what is older than a minute', () => {
    const deaths = [0, 1, 2, 3, 70_000];
    expect(restartDelayMs(deaths, 70_000)).toBe(0);
    expect(deaths).toEqual([70_000]);
  });
});
