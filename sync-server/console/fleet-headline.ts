/** The state of the whole fleet in one sentence, and what to do next. Pure. */
import { formatCounted } from '../../web/format.ts';
import type { BoardState } from '../../web/page-state.ts';
import type { DeviceView, FleetView } from '../views/fleet.ts';
import type { RolloutView } from '../views/rollout.ts';
import { alarmsOf } from './device-words.ts';
import { isRunning } from './rollout-words.ts';

/** A stopped rollout and an alarm stay on the board this long. */
const FRESH_MS = 15 * 60_000;
/** Room for whoever holds the offline keys to sign anew. */
const ENDS_SOON_MS = 14 * 86_400_000;

interface Headline {
  readonly state: BoardState;
  readonly text: string;
  readonly next: string | null;
}

export function fleetHeadline(view: FleetView, nowMs: number): Headline {
  const { devices } = view;
  if (devices.length === 0) {
    return {
      state: 'ok',
      text: 'Ready for the first device.',
      next: 'Start an agent that names this server’s broker.',
    };
  }
  const fresh = (timeMs: number) => nowMs - timeMs < FRESH_MS;
  const online = devices.filter((device) => device.online).length;
  const counted = `${formatCounted(devices.length, 'device')}, ${online === devices.length ? 'all' : online} online.`;

  const empty = devices.filter((device) => device.online && slotsWithoutModel(device).length > 0);
  if (empty[0]) {
    return {
      state: 'alarm',
      text: `${formatCounted(empty.length, 'device')} without a model.`,
      next: `Nothing judges ${slotsWithoutModel(empty[0]).join(', ')} on ${empty[0].id}. Start a rollout for it.`,
    };
  }
  const raised = devices.flatMap((device) => alarmsOf(device).map((alarm) => ({ device: device.id, alarm })));
  const worst = raised.find(({ alarm }) => alarm.severity === 'alarm');
  if (worst) return { state: 'alarm', text: `${worst.device}: ${worst.alarm.text}`, next: worst.alarm.next };
  // Of what is raised now, the note of when it began says nothing new.
  const told = view.events.filter(
    ({ device, kind, slot }) =>
      !raised.some((r) => r.device === device && r.alarm.code === kind && r.alarm.slot === slot),
  );
  const alarm = told.find(
    (event, i) => event.severity === 'alarm' && fresh(event.timeMs) && !isOver(event, told.slice(0, i)),
  );
  if (alarm) return { state: 'alarm', text: `${alarm.device}: ${alarm.message}`, next: counted };

  const news = [...stoppedRollouts(view.rollouts), ...openWarnings(told, counted)]
    .filter(({ timeMs }) => fresh(timeMs))
    .sort((a, b) => b.timeMs - a.timeMs);
  const problems = [
    ...trustProblems(view.trust, nowMs),
    ...offlineDevices(devices, counted),
    ...raised.map(({ device, alarm }) => ({ text: `${device}: ${alarm.text}`, next: alarm.next })),
    ...news,
  ];
  const [first, ...others] = problems;
  if (first) {
    const more =
      others.length === 0
        ? ''
        : ` And ${formatCounted(others.length, 'more thing needs', 'more things need')} a look.`;
    return { state: 'warning', text: first.text, next: `${first.next}${more}` };
  }
  const running = view.rollouts.find(isRunning);
  if (running) return { state: 'ok', text: counted, next: runningWords(running) };
  return { state: 'ok', text: counted, next: null };
}

/** What keeps new models from every device. */
function trustProblems({ online, metadata }: FleetView['trust'], nowMs: number): Omit<Warning, 'timeMs'>[] {
  if (!metadata) return [];
  if (!online) {
    return [
      {
        text: 'Devices take nothing new from this server.',
        next: 'Its key is not in the signed root: andon keys rotate server.',
      },
    ];
  }
  if (metadata.signedUntilMs - nowMs > ENDS_SOON_MS) return [];
  const ends = metadata.signedUntilMs <= nowMs ? 'has ended' : 'ends soon';
  return [
    {
      text: `The signed list of models ${ends}.`,
      next: 'Whoever holds the release key signs it anew: andon sign --renew, then andon keys publish.',
    },
  ];
}

/** A newer word of the same kind from the same place that is no alarm ends an alarm. */
function isOver(alarm: FleetView['events'][number], newer: FleetView['events']): boolean {
  return newer.some(
    ({ device, kind, slot, severity }) =>
      device === alarm.device && kind === alarm.kind && slot === alarm.slot && severity !== 'alarm',
  );
}

interface Warning {
  readonly text: string;
  readonly next: string;
  readonly timeMs: number;
}

function offlineDevices(devices: readonly DeviceView[], counted: string): Omit<Warning, 'timeMs'>[] {
  const offline = devices.filter(({ online }) => !online);
  if (offline.length === 0) return [];
  return [{ text: counted, next: offlineWords(offline) }];
}

/** What was stopped, until something newer is rolled out in its slot. */
function stoppedRollouts(rollouts: readonly RolloutView[]): Warning[] {
  return rollouts
    .filter(
      ({ state, slot, startedAtMs }) =>
        state === 'rolled-back' &&
        !rollouts.some((other) => other.slot === slot && other.startedAtMs > startedAtMs),
    )
    .map(({ from, to, updatedAtMs }) => ({
      text: `${to} was rolled back.`,
      next: `${from} runs in its place. The reason stands below.`,
      timeMs: updatedAtMs,
    }));
}

/** Warnings of devices, one a device and kind: each is ended by one note of its kind from the same place that came after it. */
function openWarnings(events: FleetView['events'], counted: string): Warning[] {
  const endings = new Map<string, number>();
  const open = new Map<string, Warning>();
  for (const { device, kind, slot, severity, message, timeMs } of events) {
    const key = JSON.stringify([device, kind, slot]);
    const ended = endings.get(key) ?? 0;
    if (severity === 'info') endings.set(key, ended + 1);
    else if (ended > 0) endings.set(key, ended - 1);
    else if (severity === 'warning' && !open.has(key)) {
      open.set(key, { text: `${device}: ${message}`, next: counted, timeMs });
    }
  }
  return [...open.values()];
}

function offlineWords([first, ...more]: DeviceView[]): string {
  const who =
    more.length === 0
      ? `${first?.id} keeps working and keeps its`
      : `${first?.id} and ${more.length} more keep working and keep their`;
  return `${who} records. Look at the network if that is not planned.`;
}

function runningWords(rollout: RolloutView): string {
  const stage = `stage ${rollout.stage + 1} of ${rollout.stages.length}`;
  if (rollout.state === 'paused') return `The rollout of ${rollout.to} is paused in ${stage}.`;
  if (rollout.state === 'waiting-for-approval') {
    return `${rollout.to} waits for a person’s approval of stage ${rollout.stage + 2}.`;
  }
  if (rollout.state === 'holding') return `${rollout.to} holds in ${stage}.`;
  return `${rollout.to} is being rolled out: ${stage}.`;
}

function slotsWithoutModel(device: DeviceView): string[] {
  return Object.entries(device.reported?.slots ?? {}).flatMap(([slot, reported]) =>
    reported.champion === null ? [slot] : [],
  );
}
