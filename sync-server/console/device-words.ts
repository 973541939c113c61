/** What a device reports, in words. */
import type { Alarm } from '../../protocol/alarms.ts';
import type { Reported } from '../../protocol/messages.ts';
import { formatCounted } from '../../web/format.ts';
import type { PageState } from '../../web/page-state.ts';
import type { DeviceView } from '../views/fleet.ts';

export type Install = NonNullable<Reported['slots'][string]['install']>;

const INSTALL_WORDS: Record<Install['state'], string> = {
  wanted: 'a new model is ordered',
  fetching: 'fetching a new model',
  verifying: 'checking a new model’s signature',
  staged: 'a new model is stored',
  testing: 'testing a new model',
  challenger: '',
  probation: 'a new model is on probation',
  committed: '',
  refused: 'refused the new model',
  'rolled-back': 'went back to the last good model',
};

/** Empty when the model that was asked for simply runs. */
export function installWords(install: Install): string {
  const words = INSTALL_WORDS[install.state];
  if (install.reason) return `${words || 'note'}: ${install.reason}`;
  if (install.state === 'fetching') return `${words}, ${install.chunksHave} of ${install.chunksWant} pieces`;
  return words;
}

/** How far the device is behind what it was told. */
export function followWords(device: DeviceView): { state: PageState; words: string } {
  if (device.generation === 0) return { state: 'idle', words: 'no orders yet' };
  const behind = device.generation - (device.reported?.generation ?? 0);
  if (behind <= 0) return { state: 'ok', words: 'up to date' };
  return {
    state: device.online ? 'info' : 'warning',
    words: `${formatCounted(behind, 'order')} behind`,
  };
}

/** What an online device says is wrong with it, the worst first. Of one that is not there nobody knows. */
export function alarmsOf(device: DeviceView): Alarm[] {
  return device.online ? (device.reported?.alarms ?? []) : [];
}

/** The address comes from the device, so only a web address becomes a link. */
export function safeUrl(url: string | null): string | undefined {
  return url !== null && /^https?:\/\//.test(url) ? url : undefined;
}
