import { describe, expect, it } from 'vitest';
import { type MachineTrouble, machineProblems } from '../../../agent/monitor/machine-alarms.ts';
import type { MachineFacts } from '../../../agent/monitor/machine-facts.ts';
import { MachineMonitor } from '../../../agent/monitor/machine-monitor.ts';
import { TestClock } from '../store/temp-store.ts';

const GIB = 1024 ** 3;

function facts(change: Partial<MachineFacts> = {}): MachineFacts {
  return {
    cpuPercent: 20,
    temperatureC: 50,
    cpuGHz: 2,
    maxCpuGHz: 2,
    memoryTotalBytes: 4 * GIB,
    memoryAvailableBytes: 2 * GIB,
    diskTotalBytes: 32 * GIB,
    diskAvailableBytes: 16 * GIB,
    ...change,
  };
}

function keys(change: Partial<MachineFacts>, before: readonly MachineTrouble[] = []): string[] {
  return machineProblems(facts(change), new Set(before)).map(({ code }) => code);
}

describe('the machine’s troubles', () => {
  it('are none on a healthy machine, and none on one that tells nothing', () => {
    expect(keys({})).toEqual([]);
    const silent = Object.fromEntries(Object.keys(facts()).map((key) => [key, null]));
    expect(keys(silent)).toEqual([]);
  });

  it('are heat, until it has cooled down well', () => {
    expect(keys({ temperatureC: 84 })).toEqual([]);
    expect(keys({ temperatureC: 85 })).toEqual(['hot']);
    expect(keys({ temperatureC: 79 }, ['hot'])).toEqual(['hot']);
    expect(keys({ temperatureC: 77 }, ['hot'])).toEqual([]);
  });

  it('are a low clock rate only while there is work', () => {
    expect(keys({ cpuPercent: 95, cpuGHz: 1.1 })).toEqual(['throttled']);
    expect(keys({ cpuPercent: 10, cpuGHz: 0.6 })).toEqual([]);
    expect(keys({ cpuPercent: 95, cpuGHz: 1.4 }, ['throttled'])).toEqual(['throttled']);
    expect(keys({ cpuPercent: 95, cpuGHz: 1.6 }, ['throttled'])).toEqual([]);
  });

  it('are a disk with little room: by share on a small one, by bytes on a large one', () => {
    expect(keys({ diskTotalBytes: 8 * GIB, diskAvailableBytes: 0.3 * GIB })).toEqual(['disk-short']);
    expect(keys({ diskTotalBytes: 1000 * GIB, diskAvailableBytes: 10 * GIB })).toEqual([]);
    expect(keys({ diskTotalBytes: 1000 * GIB, diskAvailableBytes: 1.9 * GIB })).toEqual(['disk-short']);
    expect(keys({ diskTotalBytes: 1000 * GIB, diskAvailableBytes: 2.5 * GIB }, ['disk-short'])).toEqual([
      'disk-short',
    ]);
  });

  it('are worse when next to nothing is left, and say what to do', () => {
    const [memory] = machineProblems(facts({ memoryAvailableBytes: 0.1 * GIB }), new Set());
    expect(memory).toEqual({
      code: 'memory-short',
      slot: null,
      severity: 'alarm',
      text: 'Only 107 MB of 4.3 GB memory are left on this device.',
      next: 'End other programs on it, or release a smaller model.',
    });
    expect(machineProblems(facts({ memoryAvailableBytes: 0.3 * GIB }), new Set())[0]?.severity).toBe(
      'warning',
    );
    expect(machineProblems(facts({ diskAvailableBytes: 0.1 * GIB }), new Set())[0]?.severity).toBe('alarm');
  });
});

describe('the watch over the machine', () => {
  function watch(ask: () => Promise<MachineFacts>) {
    const errors: unknown[] = [];
    const clock = new TestClock();
    const monitor = new MachineMonitor({
      ask,
      onError: (error) => errors.push(error),
      clock,
    });
    return { monitor, errors, clock };
  }

  it('knows a trouble until it is over', async () => {
    let now = facts({ temperatureC: 90 });
    const { monitor } = watch(async () => now);
    await monitor.look();
    expect(monitor.causes().map(({ code }) => code)).toEqual(['hot']);
    now = facts({ temperatureC: 60 });
    await monitor.look();
    expect(monitor.causes()).toEqual([]);
  });

  it('does not ask again while the machine does not answer, and takes old answers for no answer', async () => {
    let asked = 0;
    const answers: ((given: MachineFacts) => void)[] = [];
    const { monitor, clock } = watch(() => {
      asked += 1;
      return new Promise((resolve) => answers.push(resolve));
    });
    const first = monitor.look();
    await monitor.look();
    expect(asked).toBe(1);
    answers[0]?.(facts({ temperatureC: 90 }));
    await first;
    expect(monitor.facts()?.temperatureC).toBe(90);
    clock.advance(61_000);
    expect(monitor.facts()).toBeNull();
    expect(monitor.causes()).toEqual([]);
  });

  it('counts a machine that fails, and looks again', async () => {
    const { monitor, errors } = watch(async () => {
      throw new Error('no /proc');
    });
    await monitor.look();
    await monitor.look();
    expect(errors).toHaveLength(2);
  });
});
