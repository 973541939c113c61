/** The machine under the agent: how busy, how warm, and what room is left. What it cannot tell is not shown. */
import { formatBytes, formatShare } from '../../web/format.ts';
import type { MachineView } from '../http/view.ts';

export function MachinePanel({ machine }: { machine: MachineView | null }) {
  if (!machine) return null;
  const { cpuPercent, cpuGHz, temperatureC } = machine;
  const clock = cpuGHz === null ? '' : ` at ${cpuGHz.toFixed(1)} GHz`;
  return (
    <div class="panel" data-testid="machine">
      <h2>Machine</h2>
      {cpuPercent === null ? null : (
        <Meter
          name="Processor"
          used={cpuPercent / 100}
          words={`${formatShare(Math.round(cpuPercent) / 100)} busy${clock}`}
        />
      )}
      <Room name="Memory" total={machine.memoryTotalBytes} left={machine.memoryAvailableBytes} />
      <Room name="Disk" total={machine.diskTotalBytes} left={machine.diskAvailableBytes} />
      {temperatureC === null ? null : (
        <p class="meter-line">
          <span>Temperature</span>
          <span>{Math.round(temperatureC)} °C</span>
        </p>
      )}
    </div>
  );
}

function Room({ name, total, left }: { name: string; total: number | null; left: number | null }) {
  if (total === null || left === null) return null;
  return (
    <Meter
      name={`${name}, ${formatBytes(total)}`}
      used={1 - left / total}
      words={`${formatShare(Math.round(100 * (1 - left / total)) / 100)} used, ${formatBytes(left)} free`}
    />
  );
}

function Meter({ name, used, words }: { name: string; used: number; words: string }) {
  const percent = Math.min(100, Math.max(0.5, used * 100));
  return (
    <div class="meter">
      <p class="meter-line">
        <span>{name}</span>
        <span>{words}</span>
      </p>
      <svg class="chart" height="10" aria-hidden="true">
        <rect class="track" width="100%" height="10" rx="2" />
        <rect class="mark" width={`${percent}%`} height="10" rx="2" />
      </svg>
    </div>
  );
}
