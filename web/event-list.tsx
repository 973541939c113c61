/** Events, newest first, each with time, shape, where and what. */
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

export function EventList({ events, nowMs }: { events: readonly ListedEvent[]; nowMs: number }) {
  return (
    <ol class="events">
      {events.map((event) => (
        <li key={`${event.timeMs}-${event.where}-${event.kind}-${event.message}`}>
          <time class="soft">{formatClock(event.timeMs, nowMs)}</time>
          <StateIcon state={event.severity} word={SEVERITY_WORD[event.severity]} />
          <span>
            {event.message} <span class="small faint">{event.where}</span>
          </span>
        </li>
      ))}
    </ol>
  );
}
