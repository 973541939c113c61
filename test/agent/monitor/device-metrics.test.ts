import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import { systemClock } from '../../../agent/clock.ts';
import { DeviceMetrics } from '../../../agent/monitor/device-metrics.ts';
import { machineGauges } from '../../../agent/monitor/machine-gauges.ts';
import type { NewMetric } from '../../../agent/store/records.ts';

const figures = {
  predictionsPerS: 12,
  latencyUs: { p50: 100, p95: 200, p99: 300 },
  rateHistory: [],
  drift: [{ feature: 'torque_nm', psi: 0.1, drifting: false, shares: [], baselineShares: [] }],
  online: null,
  labels: 0,
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

it('asks the machine for its memory and its disk', async () => {
  const gauges = await machineGauges(tmpdir());
  expect(gauges.memoryAvailableBytes).toBeGreaterThan(1024 * 1024);
  expect(gauges.diskAvailableBytes).toBeGreaterThan(0);
});
