/** `andon devices` and `andon models`: what the fleet runs, and what there is to run. */
import type { Command } from 'commander';
import type { DeviceView, FleetView, ModelView } from '../../sync-server/http/view.ts';
import { print, sharedOptions } from '../shared-options.ts';
import { age, table } from '../table.ts';

export function addFleetCommands(program: Command): void {
  program
    .command('devices')
    .description('list the devices: what each really runs, and what it has not sent yet')
    .action(async (_options, command: Command) => {
      const options = sharedOptions(command);
      const fleet = await options.api.fleet();
      print(options, fleet.devices, () => devicesText(fleet));
    });
  program
    .command('models')
    .description('list the published models')
    .action(async (_options, command: Command) => {
      const options = sharedOptions(command);
      const { models } = await options.api.fleet();
      print(options, models, () => modelsText(models));
    });
}

export function devicesText({ devices, nowMs }: Pick<FleetView, 'devices' | 'nowMs'>): string {
  if (devices.length === 0)
    return 'No device has called yet. Start one: andon agent --config device.config.json';
  return table(
    ['DEVICE', 'LINK', 'SEEN', 'SLOT', 'RUNS', 'HASH', 'BACKLOG', 'LABELS'],
    devices.flatMap((device) => deviceRows(device, nowMs)),
  );
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
      (challenger ? ` + ${challenger.title} on ${Math.round(challenger.share * 100)} %` : ''),
    champion?.manifestSha256.slice(0, 12) ?? '-',
    ...(i === 0 ? [backlog.toLocaleString('en'), labels.join(' ')] : ['', '']),
  ]);
}

export function modelsText(models: readonly ModelView[]): string {
  if (models.length === 0) return 'No model is published yet: andon publish models/milling-failure/1';
  return table(
    ['MODEL', 'TAG', 'PRECISION', 'SIZE', 'METRIC', 'OFFLINE', 'BASELINE', 'HASH'],
    models.map((model) => [
      `${model.name}@${model.version}`,
      model.tag ?? '',
      model.precision,
      `${(model.sizeBytes / 1024).toFixed(1)} KiB`,
      model.metric.name,
      model.metric.offline.toFixed(3),
      `${model.metric.baseline.value.toFixed(3)} (${model.metric.baseline.name})`,
      model.manifestSha256.slice(0, 12),
    ]),
  );
}
