import { expect, it } from 'vitest';
import { ProcessMonitor } from '../../../agent/monitor/process-figures.ts';
import { waitFor } from '../../support/wait-for.ts';

it('tells what the process costs, and the delay of its event loop once a period is over', async () => {
  const monitor = new ProcessMonitor();
  expect(monitor.figures().eventLoopDelayS).toBeNull();
  monitor.start();
  await waitFor('a period with a turn of the timer', () => {
    monitor.takePeriod();
    return monitor.figures().eventLoopDelayS !== null;
  });
  const { eventLoopDelayS: delay, rssBytes, heapUsedBytes, cpuSeconds } = monitor.figures();
  expect(delay?.p50).toBeGreaterThanOrEqual(0);
  expect(delay?.max).toBeGreaterThanOrEqual(delay?.p50 ?? Number.POSITIVE_INFINITY);
  expect(rssBytes).toBeGreaterThan(heapUsedBytes);
  expect(cpuSeconds).toBeGreaterThan(0);
  monitor.stop();
});
