/** Which packages some device still has to fetch, as a pure function. */
import type { DesiredSlot, Reported, ReportedSlot, TrustRef } from '../../protocol/messages.ts';

export interface DeviceNeeds {
  readonly slots: Readonly<Record<string, DesiredSlot>>;
  readonly reported: Reported | null;
}

/**
 * @returns manifest hashes of packages that are wanted on a device which neither says that it runs them nor that it
 *   will not (refused, rolled back)
 */
export function neededPackages(devices: readonly DeviceNeeds[]): Set<string> {
  return new Set(
    devices.flatMap(({ slots, reported }) =>
      Object.entries(slots).flatMap(([slot, { champion, challenger }]) => {
        const settled = settledOn(reported?.slots[slot]);
        const wanted = [champion, ...(challenger ? [challenger.model] : [])];
        return wanted.map((ref) => ref.manifestSha256).filter((hash) => !settled.has(hash));
      }),
    ),
  );
}

/** Whether some device goes by other signed metadata than these. */
export function needTrust(devices: readonly DeviceNeeds[], ref: TrustRef | undefined): boolean {
  return devices.some(({ reported }) => reported?.trust?.indexSha256 !== ref?.indexSha256);
}

/** Packages about which a device has nothing left to fetch. */
function settledOn(slot: ReportedSlot | undefined): Set<string | undefined> {
  const install = slot?.install;
  const gaveUp = install?.state === 'refused' || install?.state === 'rolled-back';
  return new Set([
    slot?.champion?.manifestSha256,
    slot?.challenger?.manifestSha256,
    gaveUp ? install.manifestSha256 : undefined,
  ]);
}
