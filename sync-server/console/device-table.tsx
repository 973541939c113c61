/** Every device: is it there, what does it really run, what waits on it, does it follow. */
import { formatAge, formatCount, formatCounted, formatShare, shortHash, sumOf } from '../../web/format.ts';
import { SEVERITY_WORD, StateBadge, StateIcon } from '../../web/state-icon.tsx';
import type { DeviceView, FleetView } from '../views/fleet.ts';
import { alarmsOf, followWords, type Install, installWords, safeUrl } from './device-words.ts';

export function DeviceTable({ view, nowMs }: { view: FleetView; nowMs: number }) {
  return (
    <table class="stacking devices">
      <thead>
        <tr>
          <th scope="col">Device</th>
          <th scope="col">State</th>
          <th scope="col">Really runs</th>
          <th scope="col">Follows orders</th>
          <th scope="col" class="right">
            Waiting there
          </th>
          <th scope="col" class="right">
            Received
          </th>
          <th scope="col" class="right">
            Dropped
          </th>
        </tr>
      </thead>
      <tbody>
        {view.devices.map((device) => (
          <DeviceRow key={device.id} device={device} nowMs={nowMs} />
        ))}
      </tbody>
    </table>
  );
}

function DeviceRow({ device, nowMs }: { device: DeviceView; nowMs: number }) {
  const url = safeUrl(device.statusUrl);
  const follow = followWords(device);
  return (
    <tr>
      <th scope="row">
        {url ? <a href={url}>{device.id}</a> : device.id}
        <span class="small soft labels">{Object.values(device.labels).join(' · ')}</span>
      </th>
      <td data-label="State" class="beside">
        <div>
          {device.online ? (
            <StateBadge state="ok">Online</StateBadge>
          ) : (
            <StateBadge state="warning">Offline</StateBadge>
          )}
          <span class="small soft line">seen {formatAge(device.lastSeenMs, nowMs)}</span>
          <Alarms device={device} />
        </div>
      </td>
      <td data-label="Really runs">
        <div>
          <Runs device={device} />
        </div>
      </td>
      <td data-label="Follows orders">
        <StateBadge state={follow.state}>{follow.words}</StateBadge>
      </td>
      <td data-label="Waiting there" class="right third">
        {device.reported ? formatCount(sumOf(device.reported.backlog)) : 'unknown'}
      </td>
      <td data-label="Received" class="right third">
        {formatCount(sumOf(device.received))}
      </td>
      <td data-label="Dropped" class="right third">
        {device.dropped > 0 ? (
          <StateBadge state="warning">{formatCounted(device.dropped, 'record')}</StateBadge>
        ) : (
          '0'
        )}
      </td>
    </tr>
  );
}

function Alarms({ device }: { device: DeviceView }) {
  const alarms = alarmsOf(device);
  if (alarms.length === 0) return null;
  return (
    <ul class="alarms small">
      {alarms.map(({ id, severity, text, next }) => (
        <li key={id} title={next}>
          <StateIcon state={severity} word={SEVERITY_WORD[severity]} />
          <span>{text}</span>
        </li>
      ))}
    </ul>
  );
}

function Runs({ device }: { device: DeviceView }) {
  const slots = Object.entries(device.reported?.slots ?? {});
  if (slots.length === 0) return <span class="soft">It has not said yet.</span>;
  return (
    <ul>
      {slots.map(([slot, { champion, challenger, install }]) => (
        <li key={slot}>
          {champion ? (
            <>
              {champion.title} <span class="hash faint">{shortHash(champion.manifestSha256)}</span>
            </>
          ) : (
            <StateBadge state="alarm">no model for {slot}</StateBadge>
          )}
          {challenger ? (
            <span class="small soft line">
              on trial: {challenger.title} <span class="hash">{shortHash(challenger.manifestSha256)}</span>,{' '}
              {formatShare(challenger.share)}
            </span>
          ) : null}
          {install ? <InstallLine install={install} /> : null}
        </li>
      ))}
    </ul>
  );
}

function InstallLine({ install }: { install: Install }) {
  const words = installWords(install);
  if (words === '') return null;
  const failed = install.state === 'refused' || install.state === 'rolled-back';
  return (
    <span class="small soft line">{failed ? <StateBadge state="warning">{words}</StateBadge> : words}</span>
  );
}
