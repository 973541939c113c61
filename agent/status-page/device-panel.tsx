/** The device itself: its link to the server, its store, its engine. */
import { formatAge, formatBytes, formatCount, formatMinute, shortHash } from '../../web/format.ts';
import { StateBadge } from '../../web/state-icon.tsx';
import type { StatusView } from '../http/view.ts';
import { linkWords, storeWords } from './device-words.ts';

const STREAM_WORDS = {
  predictions: 'Predictions waiting',
  feedback: 'Answers and labels waiting',
  events: 'Events waiting',
  metrics: 'Measurements waiting',
} as const;

interface Props {
  view: StatusView;
  nowMs: number;
}

export function LinkPanel({ view, nowMs }: Props) {
  const { link } = view;
  const said = linkWords(link, nowMs);
  return (
    <div class="panel" data-testid="link">
      <h2>Link to the server</h2>
      <p>
        <StateBadge state={said.state}>{said.word}</StateBadge>
      </p>
      <p>{said.sentence}</p>
      {link.configured ? (
        <dl class="pair-list">
          {(['predictions', 'feedback', 'events', 'metrics'] as const).map((stream) => (
            <Pair key={stream} name={STREAM_WORDS[stream]} value={formatCount(link.backlog[stream])} />
          ))}
          <Pair
            name="Last confirmed"
            value={link.lastAckMs === null ? 'never' : formatAge(link.lastAckMs, nowMs)}
          />
        </dl>
      ) : null}
    </div>
  );
}

export function DevicePanel({ view, nowMs }: Props) {
  const { store, engine, device } = view;
  const said = storeWords(store);
  const used = store.maxBytes === 0 ? 0 : Math.min(1, store.sizeBytes / store.maxBytes);
  return (
    <div class="panel">
      <h2>This device</h2>
      <p>
        <StateBadge state={said.state}>{said.word}</StateBadge>
      </p>
      <p>{said.sentence}</p>
      <svg class="chart" height="10" aria-hidden="true">
        <rect class="track" width="100%" height="10" rx="2" />
        <rect class="mark" width={`${Math.max(0.5, used * 100)}%`} height="10" rx="2" />
      </svg>
      <dl class="pair-list">
        <Pair name="Engine" value={engine.alive ? 'running' : 'not running'} />
        <Pair name="Engine restarts" value={formatCount(engine.restarts)} />
        <Pair name="Engine memory" value={formatBytes(engine.rssBytes)} />
        <Pair name="Running since" value={formatMinute(device.startedAtMs, nowMs)} />
        <Pair name="Agent" value={device.agentVersion} />
        <Pair name="Store" value={shortHash(store.storeEpoch)} />
      </dl>
    </div>
  );
}

function Pair({ name, value }: { name: string; value: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  );
}
