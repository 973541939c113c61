import { tmpdir } from 'node:os';
import { expect, it, vi } from 'vitest';
import { systemClock } from '../../../agent/clock.ts';
import { DeviceMetrics } from '../../../agent/monitor/device-metrics.ts';
import { machineAsker, machineGauges } from '../../../agent/monitor/machine-facts.ts';
import type { NewMetric } from '../../../agent/store/records.ts';
import { calmInputs, sampleDrift } from '../http/sample-view.ts';

const figures = {
  predictionsPerS: 12,
  latencyUs: { p50: 100, p95: 200, p99: 300 },
  rateHistory: [],
  drift: [sampleDrift()],
  inputs: calmInputs,
  quality: { champion: null, challenger: null },
};

it('records each slot’s figures and the device’s, and leaves out what is not known', async () => {
  const recorded: NewMetric[] = [];
  const metrics = new DeviceMetrics({
    slots: () => [{ slot: 'failure', figures }],
    device: async () => ({ storeBytes: 4096 }),
    record: (rows) => recorded.push(...rows),
    onError: (error) => expect.unreachable(String(error)),
    clock: systemClock,
  });
  await metrics.take();
  const values = Object.fromEntries(
    recorded.map(({ name, slot, value }) => [`${slot ?? ''}.${name}`, value]),
  );
  expect(values).toEqual({
    '.storeBytes': 4096,
    'failure.predictionsPerS': 12,
    'failure.latencyP50Us': 100,
    'failure.latencyP99Us': 300,
    'failure.labels': 0,
    'failure.psi.torque_nm': 0.1,
  });
});

it('records the slots’ figures also when the machine cannot be asked', async () => {
  const recorded: NewMetric[] = [];
  const errors: unknown[] = [];
  const metrics = new DeviceMetrics({
    slots: () => [{ slot: 'failure', figures }],
    device: async () => {
      throw new Error('no df here');
    },
    record: (rows) => recorded.push(...rows),
    onError: (error) => errors.push(error),
    clock: systemClock,
  });
  await metrics.take();
  expect(recorded.map(({ name }) => name)).toContain('predictionsPerS');
  expect(errors).toHaveLength(1);
});

it('does not ask a machine again that has not answered yet', async () => {
  vi.useFakeTimers();
  try {
    let asked = 0;
    let answer: (gauges: Record<string, number>) => void = () => undefined;
    const recorded: NewMetric[] = [];
    const metrics = new DeviceMetrics({
      slots: () => [],
      device: () => {
        asked += 1;
        return new Promise((resolve) => {
          answer = resolve;
        });
      },
      record: (rows) => recorded.push(...rows),
      onError: (error) => expect.unreachable(String(error)),
      clock: systemClock,
    });
    metrics.start();
    await vi.advanceTimersByTimeAsync(5 * 60_000);
    expect(asked).toBe(1);
    answer({ storeBytes: 1 });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).toBe(2);
    expect(recorded).toHaveLength(1);
    metrics.stop();
  } finally {
    vi.useRealTimers();
  }
});

it('asks the machine for its memory and its disk', async () => {
  const gauges = machineGauges(await machineAsker(tmpdir())());
  expect(gauges.memoryAvailableBytes).toBeGreaterThan(1024 * 1024);
  expect(gauges.diskAvailableBytes).toBeGreaterThan(0);
});
