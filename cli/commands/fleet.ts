/** `andon devices`: what the fleet runs. */
import type { Command } from 'commander';
import type { DeviceView, FleetView } from '../../sync-server/views/fleet.ts';
import { print, sharedOptions } from '../shared-options.ts';
import { age, table } from '../table.ts';
import { addIdentityCommands } from './devices.ts';

export function addFleetCommands(program: Command): void {
  const devices = program
    .command('devices')
    .description('list the devices: what each really runs, and what it has not sent yet')
    .action(async (_options, command: Command) => {
      const options = sharedOptions(command);
      const fleet = await options.api.fleet();
      print(options, fleet.devices, () => devicesText(fleet));
    });
  addIdentityCommands(devices);
}

export function devicesText({ devices, nowMs }: Pick<FleetView, 'devices' | 'nowMs'>): string {
  if (devices.length === 0)
    return 'No device has called yet. Start one: andon agent --config device.config.json';
  const rows = table(
    ['DEVICE', 'LINK', 'SEEN', 'SLOT', 'RUNS', 'HASH', 'BACKLOG', 'LABELS'],
    devices.flatMap((device) => deviceRows(device, nowMs)),
  );
  return [rows, ...devices.flatMap(alarmLines)].join('\n');
}

/** Of one that is not there nobody knows. */
function alarmLines({ id, online, reported }: DeviceView): string[] {
  const alarms = online ? (reported?.alarms ?? []) : [];
  return alarms.map(({ severity, text, next }) => `${severity.toUpperCase()} ${id}: ${text} ${next}`);
}

/** One row a slot; the device's own columns stand on the first only. */
function deviceRows(device: DeviceView, nowMs: number): string[][] {
  const backlog = Object.values(device.reported?.backlog ?? {}).reduce((sum, count) => sum + count, 0);
  const labels = Object.entries(device.labels).map(([key, value]) => `${key}=${value}`);
  const own = [device.id, device.online ? 'online' : 'offline', `${age(nowMs - device.lastSeenMs)} ago`];
  const slots = Object.entries(device.reported?.slots ?? {});
  if (slots.length === 0) slots.push(['-', { champion: null, challenger: null, install: null }]);
  return slots.map(([slot, { champion, challenger }], i) => [
    ...(i === 0 ? own : ['', '', '']),
    slot,
    (champion?.title ?? '-') +
      (challenger ? ` + ${challenger.title} on ${Math.round(challenger.share * 100)}%` : ''),
    champion?.manifestSha256.slice(0, 12) ?? '-',
    ...(i === 0 ? [backlog.toLocaleString('en'), labels.join(' ')] : ['', '']),
  ]);
}
