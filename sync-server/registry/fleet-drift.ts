/** Drift over all devices that run the same model in a slot: their windows added up and judged as one. Pure. */
import { judgeDrift } from '../../protocol/drift/drift-verdict.ts';
import { mergeStatistics } from '../../protocol/drift/feature-statistics.ts';
import { statisticsOf } from '../../protocol/drift/input-profile.ts';
import type { DeviceProfile } from '../store/input-profile-table.ts';
import type { FleetDriftView } from '../views/fleet.ts';

/** As `drift.psi` is on a device where nothing else is configured. */
const PSI_FLOOR = 0.25;

/** @param titleOf a manifest's sha256; undefined for a model that was never published here */
export function fleetDrift(
  profiles: readonly DeviceProfile[],
  titleOf: (manifestSha256: string) => string | undefined,
): FleetDriftView[] {
  const groups = new Map<string, DeviceProfile[]>();
  for (const profile of profiles) {
    const key = `${profile.slot} ${profile.profile.model}`;
    groups.set(key, [...(groups.get(key) ?? []), profile]);
  }
  return [...groups.values()].map((group) => {
    const { slot, profile } = group[0] as DeviceProfile;
    return {
      slot,
      model: titleOf(profile.model) ?? profile.model.slice(0, 12),
      devices: group.length,
      newestMs: Math.max(...group.map(({ timeMs }) => timeMs)),
      features: featuresOf(group),
    };
  });
}

function featuresOf(group: readonly DeviceProfile[]): FleetDriftView['features'] {
  const names = [...new Set(group.flatMap(({ profile }) => profile.features.map(({ name }) => name)))];
  return names.flatMap((name) => {
    const told = group.flatMap(({ device, profile }) =>
      profile.features.filter((feature) => feature.name === name).map((feature) => ({ device, feature })),
    );
    // All have the same model, and so the same baseline.
    const [first] = told;
    if (!first) return [];
    const { baseline, categorical } = first.feature;
    const alike = told.filter(({ feature }) => feature.baseline.length === baseline.length);
    const statistics = mergeStatistics(alike.map(({ feature }) => statisticsOf(feature)));
    const reference = { shares: baseline, rows: group[0]?.profile.baselineRows ?? 1, categorical };
    const verdict = judgeDrift(statistics, reference, PSI_FLOOR, names.length);
    return {
      feature: name,
      psi: verdict.psi,
      drifting: verdict.excess > 1,
      driftingDevices: told.filter(({ feature }) => feature.sinceMs !== null).map(({ device }) => device),
      sinceMs: earliest(told.map(({ feature }) => feature.sinceMs)),
      samples: statistics.samples,
      shares: verdict.shares,
      baselineShares: baseline,
    };
  });
}

function earliest(times: readonly (number | null)[]): number | null {
  const known = times.filter((time) => time !== null);
  return known.length > 0 ? Math.min(...known) : null;
}
