import { pino } from 'pino';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { DeliveryQueue } from '../../../agent/alarm-output/delivery-queue.ts';
import { systemClock } from '../../../agent/clock.ts';
import { agentError } from '../../../agent/errors.ts';
import { Counters } from '../../../daemon/counters.ts';
import type { AlarmMessage } from '../../../protocol/alarms.ts';

beforeEach(() => {
  vi.useFakeTimers();
  // Jitter may be next to nothing; here each wait is three quarters of the longest.
  vi.spyOn(Math, 'random').mockReturnValue(0.75);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function queueOver(deliver: (message: AlarmMessage) => Promise<void>, kept?: unknown) {
  const counters = new Counters();
  const states = { get: () => kept, set: vi.fn() };
  const queue = new DeliveryQueue({
    output: { target: 'somewhere', start: () => undefined, stop: async () => undefined, deliver },
    states,
    key: 'k',
    clock: systemClock,
    counters,
    log: pino({ level: 'silent' }),
  });
  queue.start();
  return { queue, counters, states };
}

const message = (id: string) => ({ id }) as AlarmMessage;

it('delivers at once what comes long after one that was refused', async () => {
  const taken: string[] = [];
  const { queue } = queueOver(async ({ id }) => {
    if (id === 'wrong') throw agentError('ALARM_REFUSED', 'it is wrong');
    taken.push(id);
  });
  queue.push(message('wrong'));
  await vi.advanceTimersByTimeAsync(3_600_000);
  queue.push(message('right'));
  await vi.advanceTimersByTimeAsync(0);
  expect(taken).toEqual(['right']);
});

it('leaves an output that fails in peace between attempts, whatever else comes meanwhile', async () => {
  const deliver = vi.fn(async () => {
    throw agentError('ALARM_UNDELIVERED', 'it is down');
  });
  const { queue } = queueOver(deliver);
  for (let n = 0; n < 50; n += 1) queue.push(message(`${n}`));
  await vi.advanceTimersByTimeAsync(400);
  expect(deliver).toHaveBeenCalledTimes(1);
  // From one second, doubling to a minute: about a dozen in five minutes.
  await vi.advanceTimersByTimeAsync(300_000);
  expect(deliver.mock.calls.length).toBeGreaterThan(8);
  expect(deliver.mock.calls.length).toBeLessThan(18);
});

it('delivers nothing after it was stopped, and keeps what waits', async () => {
  const deliver = vi.fn(async () => {
    throw agentError('ALARM_UNDELIVERED', 'it is down');
  });
  const { queue, states } = queueOver(deliver);
  queue.push(message('a'));
  await vi.advanceTimersByTimeAsync(0);
  await queue.stop();
  await vi.advanceTimersByTimeAsync(600_000);
  expect(deliver).toHaveBeenCalledTimes(1);
  expect(states.set).toHaveBeenLastCalledWith('k', [message('a')]);
});

it('begins anew where what was kept cannot be read', () => {
  const { queue } = queueOver(async () => undefined, [{ v: 2 }]);
  expect(queue.waiting).toBe(0);
});
