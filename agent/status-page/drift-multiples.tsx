/** Small multiples: for each feature, the shares it had in training (outline) and has now (filled). */
import { useState } from 'preact/hooks';
import { DriftHistogram, DriftKey, FeatureName } from '../../web/drift-histogram.tsx';
import { formatCounted, formatRatio } from '../../web/format.ts';
import { StateBadge } from '../../web/state-icon.tsx';
import type { SlotView } from '../http/view.ts';
import { InputNotes } from './input-notes.tsx';

type Drift = SlotView['drift'][number];
const SHOWN_AT_FIRST = 6;

export function DriftMultiples({ slot, nowMs }: { slot: SlotView; nowMs: number }) {
  const { drift } = slot;
  const [all, setAll] = useState(false);
  const shown = all ? drift : mostChanged(drift, SHOWN_AT_FIRST);
  return (
    <div class="drift">
      <div class="section-head">
        <h3>Are the inputs as in training?</h3>
      </div>
      {drift.length === 0 ? (
        <p class="soft">Known after the first few hundred samples.</p>
      ) : (
        <>
          <p class="verdict">
            <DriftVerdict drift={drift} />
          </p>
          <DriftKey />
          <ul class="multiples">
            {shown.map((feature) => (
              <li key={feature.feature}>
                <p class="feature">
                  <FeatureName name={feature.feature} />
                </p>
                <DriftHistogram {...feature} />
                <p class="small">
                  <DriftWord feature={feature} />
                </p>
              </li>
            ))}
          </ul>
          {drift.length > SHOWN_AT_FIRST ? (
            <button class="button quiet" type="button" aria-expanded={all} onClick={() => setAll(!all)}>
              {all ? 'Show the most changed only' : `Show all ${drift.length}`}
            </button>
          ) : null}
        </>
      )}
      <InputNotes slot={slot} nowMs={nowMs} />
    </div>
  );
}

/** In the order of the model's inputs, so that no tile jumps when a window is judged. */
function mostChanged(drift: readonly Drift[], count: number): Drift[] {
  const byChange = [...drift].sort((a, b) => Number(b.drifting) - Number(a.drifting) || b.psi - a.psi);
  const chosen = new Set(byChange.slice(0, count));
  return drift.filter((feature) => chosen.has(feature));
}

function DriftVerdict({ drift }: { drift: readonly Drift[] }) {
  const drifting = drift.filter((feature) => feature.drifting);
  if (drifting.length === 0) return <StateBadge state="ok">Yes</StateBadge>;
  const names = drifting.slice(0, 3).map((feature) => feature.feature);
  const more = drifting.length - names.length;
  return (
    <>
      <StateBadge state="warning">No: {formatCounted(drifting.length, 'input')} drifting</StateBadge>{' '}
      <span class="soft">
        {names.join(', ')}
        {more > 0 ? ` and ${more} more` : ''}. Check sensors, tools and material; the model may be less right.
      </span>
    </>
  );
}

function DriftWord({ feature }: { feature: Drift }) {
  if (!feature.drifting) return <>as in training</>;
  return (
    <>
      <StateBadge state="warning">drifting</StateBadge>{' '}
      <span class="faint">PSI {formatRatio(feature.psi)}</span>
    </>
  );
}
