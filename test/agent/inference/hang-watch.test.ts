import { describe, expect, it } from 'vitest';
import { HangWatch } from '../../../agent/inference/hang-watch.ts';
import { parseState, processState } from '../../../agent/inference/process-state.ts';
import { RunTimes } from '../../../agent/inference/run-times.ts';

const running = (cpuMs: number) => ({ stopped: false, cpuMs });

describe('what a run may take', () => {
  it('is not known before a model has run some times', () => {
    const times = new RunTimes();
    for (let i = 0; i < 19; i++) times.observe('m', 8, 2);
    expect(times.suspiciousMs('m', 8)).toBeUndefined();
    times.observe('m', 8, 2);
    expect(times.suspiciousMs('m', 8)).toBe(500);
  });

  it('follows the slowest run of late, and grows with a batch larger than any before', () => {
    const times = new RunTimes();
    for (let i = 0; i < 30; i++) times.observe('m', 8, 10);
    times.observe('m', 8, 100);
    expect(times.suspiciousMs('m', 4)).toBe(2000);
    expect(times.suspiciousMs('m', 16)).toBe(4000);
    for (let i = 0; i < 5000; i++) times.observe('m', 8, 30);
    expect(times.suspiciousMs('m', 8)).toBeCloseTo(600, -1);
  });

  it('is a model’s own, and forgotten with it', () => {
    const times = new RunTimes();
    for (let i = 0; i < 20; i++) times.observe('m', 1, 1);
    expect(times.suspiciousMs('other', 1)).toBeUndefined();
    times.forget('m');
    expect(times.suspiciousMs('m', 1)).toBeUndefined();
  });
});

describe('a request that is not answered', () => {
  it('hangs when its process works on and on, far longer than the model ever took', () => {
    const cpu = [90, 100, 150];
    const watch = new HangWatch(() => running(cpu.shift() ?? 0));
    expect(watch.look(1000, 400, 500, 10_000)).toBeUndefined();
    expect(watch.look(1550, 550, 500, 10_000)).toBeUndefined();
    expect(watch.look(1600, 600, 500, 10_000)).toBe('busy');
  });

  it('is waited for while its process gets no turn on a busy machine, until the certain limit', () => {
    const watch = new HangWatch(() => running(100));
    for (let ms = 550; ms <= 10_000; ms += 50) expect(watch.look(ms, ms, 500, 10_000)).toBeUndefined();
    expect(watch.look(10_050, 10_050, 500, 10_000)).toBe('busy');
  });

  it('of a process that was stopped is not waited for, whatever the model’s times', () => {
    const watch = new HangWatch(() => ({ stopped: true, cpuMs: 100 }));
    for (const ms of [50, 120, 170, 220, 270]) expect(watch.look(ms, ms, 4000, 10_000)).toBeUndefined();
    expect(watch.look(320, 320, undefined, 10_000)).toBe('stopped');
  });

  it('is waited for while its process is stopped and let go on by turns', () => {
    let looks = 0;
    const watch = new HangWatch(() => ({ stopped: looks++ % 3 !== 2, cpuMs: 100 }));
    for (let ms = 120; ms < 5000; ms += 50) expect(watch.look(ms, ms, 8000, 10_000)).toBeUndefined();
  });

  it('has its full time where nothing is known of the model or of the process', () => {
    const watch = new HangWatch(() => undefined);
    expect(watch.look(0, 9000, undefined, 10_000)).toBeUndefined();
    expect(watch.look(0, 9000, 500, 10_000)).toBeUndefined();
    expect(watch.look(0, 10_001, 500, 10_000)).toBe('busy');
  });

  it('is compared anew after progress', () => {
    const cpu = [100, 150, 200];
    const watch = new HangWatch(() => running(cpu.shift() ?? 0));
    watch.look(1000, 550, 500, 10_000);
    watch.progressed();
    expect(watch.look(1050, 550, 500, 10_000)).toBeUndefined();
    expect(watch.look(1100, 600, 500, 10_000)).toBe('busy');
  });
});

describe('what the kernel says of a process', () => {
  it('is read whatever its program is called', () => {
    const stat = '12 (a) R (b) T 1 12 12 0 -1 4194560 100 0 0 0 7 5 0 0 20 0 11 0 99 0 0';
    expect(parseState(stat)).toEqual({ stopped: true, cpuMs: 120 });
  });

  it.runIf(process.platform === 'linux')(
    'is true of this process, and nothing for one that is not there',
    () => {
      expect(processState(process.pid)).toMatchObject({ stopped: false });
      expect(processState(process.pid)?.cpuMs).toBeGreaterThan(0);
      expect(processState(2 ** 30)).toBeUndefined();
    },
  );
});
