/** When the machine is in trouble: too hot, throttled, short of memory or disk, in words that say what to do. Pure. */
import type { AlarmCause } from './alarm-cause.ts';
import type { MachineFacts } from './machine-facts.ts';

export type MachineTrouble = 'hot' | 'throttled' | 'memory-short' | 'disk-short';

/** One of them, of the whole device. */
export type MachineProblem = AlarmCause & { readonly code: MachineTrouble };

const GIB = 1024 ** 3;
/** Boards and industrial PCs slow down somewhere from 80 to 100 °C. */
const HOT_C = { begins: 85, ends: 78 };
/** Share of the highest clock rate, while there is enough to do. */
const SLOW_CLOCK = { begins: 0.6, ends: 0.75 };
const BUSY_PERCENT = 80;
/** Share of the memory that is left. */
const MEMORY = { begins: 0.1, ends: 0.15, alarm: 0.04 };
/** Left on the disk: a share of a small one, so many bytes of a large one. */
const DISK = {
  begins: { share: 0.05, bytes: 2 * GIB },
  ends: { share: 0.08, bytes: 3 * GIB },
  alarm: { share: 0.01, bytes: GIB / 4 },
};

/** @param before what was wrong at the last look: that ends later than it begins, so that nothing flaps */
export function machineProblems(facts: MachineFacts, before: ReadonlySet<MachineTrouble>): MachineProblem[] {
  return [heat(facts, before), clockRate(facts, before), memory(facts, before), disk(facts, before)].filter(
    (problem) => problem !== null,
  );
}

function heat({ temperatureC }: MachineFacts, before: ReadonlySet<MachineTrouble>): MachineProblem | null {
  if (temperatureC === null || temperatureC < (before.has('hot') ? HOT_C.ends : HOT_C.begins)) return null;
  return {
    code: 'hot',
    slot: null,
    severity: 'warning',
    text: `The processor of this device is ${Math.round(temperatureC)} °C hot; it slows down to save itself.`,
    next: 'Check its fan, the filter and the air in the cabinet.',
  };
}

function clockRate(facts: MachineFacts, before: ReadonlySet<MachineTrouble>): MachineProblem | null {
  const { cpuPercent, cpuGHz, maxCpuGHz } = facts;
  if (cpuPercent === null || cpuGHz === null || maxCpuGHz === null) return null;
  const limit = before.has('throttled') ? SLOW_CLOCK.ends : SLOW_CLOCK.begins;
  // A processor with nothing to do rightly saves power.
  if (cpuPercent < BUSY_PERCENT || cpuGHz >= limit * maxCpuGHz) return null;
  return {
    code: 'throttled',
    slot: null,
    severity: 'warning',
    text: `The processor is busy and runs at ${cpuGHz.toFixed(1)} of ${maxCpuGHz.toFixed(1)} GHz: something slows it down.`,
    next: 'Check its cooling and its power supply, then the power profile of the system.',
  };
}

function memory(facts: MachineFacts, before: ReadonlySet<MachineTrouble>): MachineProblem | null {
  const { memoryTotalBytes: total, memoryAvailableBytes: left } = facts;
  if (total === null || left === null) return null;
  if (left >= total * (before.has('memory-short') ? MEMORY.ends : MEMORY.begins)) return null;
  return {
    code: 'memory-short',
    slot: null,
    severity: left < total * MEMORY.alarm ? 'alarm' : 'warning',
    text: `Only ${bytes(left)} of ${bytes(total)} memory are left on this device.`,
    next: 'End other programs on it, or release a smaller model.',
  };
}

function disk(facts: MachineFacts, before: ReadonlySet<MachineTrouble>): MachineProblem | null {
  const { diskTotalBytes: total, diskAvailableBytes: left } = facts;
  if (total === null || left === null) return null;
  const under = (limit: { share: number; bytes: number }) =>
    left < Math.min(total * limit.share, limit.bytes);
  if (!under(before.has('disk-short') ? DISK.ends : DISK.begins)) return null;
  return {
    code: 'disk-short',
    slot: null,
    severity: under(DISK.alarm) ? 'alarm' : 'warning',
    text: `The disk of this device is nearly full: ${bytes(left)} are left.`,
    next: 'Free space on it before nothing can be recorded any more.',
  };
}

function bytes(count: number): string {
  return count >= 1e9 ? `${(count / 1e9).toFixed(1)} GB` : `${Math.round(count / 1e6)} MB`;
}
