/** Inputs of each slot over the fleet: those that drift, all devices together, and on which devices. */
import { DriftHistogram, DriftKey, FeatureName } from '../../web/drift-histogram.tsx';
import { formatAge, formatCounted, formatRatio } from '../../web/format.ts';
import { StateBadge } from '../../web/state-icon.tsx';
import type { FleetDriftView, FleetView } from '../views/fleet.ts';
import { driftWords, mostChanged } from './drift-words.ts';

export function DriftSection({ view, nowMs }: { view: FleetView; nowMs: number }) {
  return (
    <section class="section" id="drift" aria-label="Inputs">
      <div class="section-head">
        <h2>Are the inputs as in training?</h2>
        {view.drift.length > 0 ? <DriftKey /> : null}
      </div>
      {view.drift.length === 0 ? (
        <p class="soft">Known after the first few hundred samples of a device.</p>
      ) : (
        view.drift.map((slot) => <SlotDrift key={`${slot.slot} ${slot.model}`} slot={slot} nowMs={nowMs} />)
      )}
    </section>
  );
}

function SlotDrift({ slot, nowMs }: { slot: FleetDriftView; nowMs: number }) {
  const { state, verdict, detail } = driftWords(slot);
  return (
    <div class="slot-drift">
      <h3>
        {slot.slot} <span class="soft">{slot.model}</span>
      </h3>
      <p>
        <StateBadge state={state}>{verdict}</StateBadge>{' '}
        <span class="soft">
          {detail} {formatCounted(slot.devices, 'device')}, told {formatAge(slot.newestMs, nowMs)}
        </span>
      </p>
      <ul class="multiples">
        {mostChanged(slot.features).map((feature) => (
          <li key={feature.feature}>
            <p class="feature">
              <FeatureName name={feature.feature} />
            </p>
            <DriftHistogram {...feature} drifting={feature.drifting || feature.sinceMs !== null} />
            <p class="small soft">
              {feature.sinceMs === null
                ? `as in training, PSI ${formatRatio(feature.psi)}`
                : `on ${formatCounted(feature.driftingDevices.length, 'device')}, seen ${formatAge(feature.sinceMs, nowMs)}`}
            </p>
          </li>
        ))}
      </ul>
    </div>
  );
}
