/** Drift of a slot over the fleet, in words. Pure. */
import { formatCounted } from '../../web/format.ts';
import type { PageState } from '../../web/page-state.ts';
import type { FleetDriftView } from '../views/fleet.ts';

interface DriftWords {
  readonly state: PageState;
  readonly verdict: string;
  readonly detail: string;
}

const SHOWN = 6;
const DEVICES_NAMED = 3;

export function driftWords({ features, devices }: FleetDriftView): DriftWords {
  const drifting = features.filter((feature) => isDrifting(feature));
  const [first] = drifting;
  if (!first) return { state: 'ok', verdict: 'Yes', detail: '' };
  const more = drifting.length > 1 ? ` and ${drifting.length - 1} more` : '';
  return {
    state: 'warning',
    verdict: `No: ${formatCounted(drifting.length, 'input')} drifting`,
    detail: `${first.feature}${more}${where(first.driftingDevices, devices)}.`,
  };
}

/** Those that drift, and the most changed of the others; in the order of the model's inputs, so that no tile jumps. */
export function mostChanged(features: FleetDriftView['features']): FleetDriftView['features'] {
  const byChange = [...features].sort(
    (a, b) => Number(isDrifting(b)) - Number(isDrifting(a)) || b.psi - a.psi,
  );
  const chosen = new Set(byChange.slice(0, SHOWN));
  return features.filter((feature) => chosen.has(feature));
}

function isDrifting({ drifting, sinceMs }: FleetDriftView['features'][number]): boolean {
  return drifting || sinceMs !== null;
}

function where(drifting: readonly string[], devices: number): string {
  if (drifting.length === 0) return ', all devices together';
  if (drifting.length === devices && devices > 1) return ', on all devices';
  if (drifting.length > DEVICES_NAMED) return `, on ${drifting.length} of ${devices} devices`;
  return `, on ${drifting.join(', ')}`;
}
