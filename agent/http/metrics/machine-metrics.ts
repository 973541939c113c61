/** The machine under the agent. */
import type { MachineView } from '../view.ts';
import { family } from './exposition.ts';

const GAUGES: readonly [name: string, help: string, value: (machine: MachineView) => number | null][] = [
  ['cpu_ratio', 'Load of all cores, 0 to 1.', ({ cpuPercent }) => cpuPercent && cpuPercent / 100],
  ['temperature_celsius', 'Of the processor.', ({ temperatureC }) => temperatureC],
  ['cpu_hertz', 'Clock rate of the processor now.', ({ cpuGHz }) => cpuGHz && cpuGHz * 1e9],
  ['memory_bytes', 'Memory of the machine.', ({ memoryTotalBytes }) => memoryTotalBytes],
  ['memory_available_bytes', 'Memory that is left.', ({ memoryAvailableBytes }) => memoryAvailableBytes],
  ['disk_bytes', 'Size of the disk that holds the agent’s data.', ({ diskTotalBytes }) => diskTotalBytes],
  ['disk_available_bytes', 'Room that is left on it.', ({ diskAvailableBytes }) => diskAvailableBytes],
];

export function machineMetrics(machine: MachineView | null): string {
  const text = GAUGES.map(([name, help, read]) => {
    const value = machine && read(machine);
    return family(`andon_machine_${name}`, 'gauge', help, value === null ? [] : [{ value }]);
  });
  return text.join('');
}
