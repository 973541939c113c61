/** What the machine under the agent says of itself: CPU, memory, disk, temperature. */
import { statfs } from 'node:fs/promises';

/** What this machine cannot tell is null. */
export interface MachineFacts {
  /** Of all cores, since it was asked last. */
  readonly cpuPercent: number | null;
  readonly temperatureC: number | null;
  readonly cpuGHz: number | null;
  readonly maxCpuGHz: number | null;
  readonly memoryTotalBytes: number | null;
  readonly memoryAvailableBytes: number | null;
  /** Of the disk that holds the agent's data. */
  readonly diskTotalBytes: number | null;
  readonly diskAvailableBytes: number | null;
}

/**
 * @param folder whose disk is meant; no other disk is asked, because one that is on a dead network never answers
 * @returns asks the machine; the library for it is loaded at the first time, because it is large and the first prediction should not wait
 */
export function machineAsker(folder: string): () => Promise<MachineFacts> {
  let maxGHz: Promise<number | null> | undefined;
  return async () => {
    const { cpu, cpuCurrentSpeed, cpuTemperature, currentLoad, mem } = await import('systeminformation');
    maxGHz ??= cpu().then(
      ({ speedMax }) => positive(speedMax),
      () => null,
    );
    const [load, temperature, speed, maxCpuGHz, memory, disk] = await Promise.all([
      currentLoad(),
      cpuTemperature(),
      cpuCurrentSpeed(),
      maxGHz,
      mem(),
      statfs(folder),
    ]);
    return {
      cpuPercent: Number.isFinite(load.currentLoad) ? load.currentLoad : null,
      temperatureC: positive(temperature.main),
      cpuGHz: positive(speed.avg),
      maxCpuGHz,
      memoryTotalBytes: positive(memory.total),
      memoryAvailableBytes: positive(memory.available),
      diskTotalBytes: positive(disk.blocks * disk.bsize),
      // To be had without being root.
      diskAvailableBytes: disk.bavail * disk.bsize,
    };
  };
}

/** @returns gauges of the metrics stream, by name with their unit; what is not known is absent */
export function machineGauges(facts: MachineFacts | null): Record<string, number> {
  const gauges = {
    cpuPercent: facts?.cpuPercent,
    cpuTemperatureC: facts?.temperatureC,
    memoryAvailableBytes: facts?.memoryAvailableBytes,
    diskAvailableBytes: facts?.diskAvailableBytes,
  };
  return Object.fromEntries(
    Object.entries(gauges).filter((entry): entry is [string, number] => typeof entry[1] === 'number'),
  );
}

/** The library says 0 or null for what it cannot find out. */
function positive(value: number | null): number | null {
  return value !== null && Number.isFinite(value) && value > 0 ? value : null;
}
