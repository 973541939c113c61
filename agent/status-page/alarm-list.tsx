/** What is wrong with this device beside what the board says: what it is, what to do, and when it began. */
import { formatAge } from '../../web/format.ts';
import { SEVERITY_WORD, StateIcon } from '../../web/state-icon.tsx';
import type { StatusView } from '../http/view.ts';

export function AlarmList({ alarms, nowMs }: { alarms: StatusView['alarms']; nowMs: number }) {
  if (alarms.length === 0) return null;
  return (
    <section class="section" aria-label="Other alarms">
      <ul class="alarms">
        {alarms.map(({ id, severity, text, next, sinceMs }) => (
          <li key={id}>
            <StateIcon state={severity} word={SEVERITY_WORD[severity]} />
            <p>
              {text} <span class="soft">{next}</span>{' '}
              <span class="small faint nowrap">{formatAge(sinceMs, nowMs)}</span>
            </p>
          </li>
        ))}
      </ul>
    </section>
  );
}
