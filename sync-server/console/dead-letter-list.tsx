/** Refused messages that are kept: whose they were, why, how often. */
import { Command } from '../../web/command.tsx';
import { formatAge, formatCount } from '../../web/format.ts';
import type { DeadLetterView } from '../views/dead-letter.ts';
import type { FleetView } from '../views/fleet.ts';

interface Props {
  readonly deadLetters: FleetView['deadLetters'];
  readonly nowMs: number;
}

export function DeadLetterList({ deadLetters: { kept, newest }, nowMs }: Props) {
  if (kept === 0) return null;
  const more = kept - newest.length;
  return (
    <div data-testid="dead-letters">
      <h3>Kept of them</h3>
      <ul class="refused">
        {newest.map((letter) => (
          <li key={letter.id}>
            <strong>{formatCount(letter.times)}</strong>
            <span>
              {deadLetterWords(letter, nowMs)} <code class="small faint">{letter.code}</code>
            </span>
          </li>
        ))}
      </ul>
      {more > 0 ? <p class="soft">And {formatCount(more)} older ones.</p> : null}
      <Command text="andon dead-letters" />
    </div>
  );
}

function deadLetterWords({ device, topic, reason, lastMs }: DeadLetterView, nowMs: number): string {
  return `${device ?? topic}: ${reason}, last ${formatAge(lastMs, nowMs)}.`;
}
