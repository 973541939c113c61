/** Events, newest first, each with time, shape, where and what. */
import { useState } from 'preact/hooks';
import type { Severity } from '../protocol/records.ts';
import { formatClock } from './format.ts';
import { SEVERITY_WORD, StateIcon } from './state-icon.tsx';

export interface ListedEvent {
  readonly timeMs: number;
  readonly severity: Severity;
  readonly kind: string;
  readonly message: string;
  /** Device or slot. */
  readonly where: string | null;
}

const SHOWN_AT_FIRST = 12;

export function EventList({ events, nowMs }: { events: readonly ListedEvent[]; nowMs: number }) {
  const [all, setAll] = useState(false);
  const shown = all ? events : events.slice(0, SHOWN_AT_FIRST);
  return (
    <>
      <ol class="events">
        {shown.map((event) => (
          <li key={`${event.timeMs}-${event.where}-${event.kind}-${event.message}`}>
            <time class="soft">{formatClock(event.timeMs, nowMs)}</time>
            <StateIcon state={event.severity} word={SEVERITY_WORD[event.severity]} />
            <span>
              {event.message}{' '}
              {event.where === null ? null : <span class="small faint nowrap">{event.where}</span>}
            </span>
          </li>
        ))}
      </ol>
      {events.length > SHOWN_AT_FIRST ? (
        <button class="button quiet more" type="button" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? 'Show the newest only' : `Show all ${events.length}`}
        </button>
      ) : null}
    </>
  );
}
