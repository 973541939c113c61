/** What counts as the truth about a part, in the order in which it does, and what may be wrong with that. */
import { StateBadge } from '../../web/state-icon.tsx';
import type { SlotView } from '../http/view.ts';

export function TruthPanel({ truth }: { truth: SlotView['truth'] }) {
  return (
    <section class="truth" aria-label="What counts as the truth" data-testid="truth">
      {truth.warnings.map((warning) => (
        <p key={warning}>
          <StateBadge state="warning">Not everything is seen</StateBadge> <span class="soft">{warning}</span>
        </p>
      ))}
      <details>
        <summary>What counts as the truth</summary>
        <p class="small soft">The first that speaks of a part counts; of equal ones the later.</p>
        <ol>
          {truth.rules.map(({ name, words }) => (
            <li key={name}>
              {words} <span class="faint nowrap">{name}</span>
            </li>
          ))}
        </ol>
        {truth.exploration === null ? null : <p>{truth.exploration}</p>}
      </details>
    </section>
  );
}
