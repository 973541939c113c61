/** Two toy fleets as one: the same devices with two slots each. */
import type { DesiredSlot } from '../../../protocol/messages.ts';
import type { RolloutConductor } from '../../../sync-server/rollouts/conductor.ts';
import type { EvidenceSource } from '../../../sync-server/rollouts/evidence-source.ts';
import type { FleetDevice } from '../../../sync-server/rollouts/fleet-control.ts';
import type { ToyFleet } from './toy-fleet.ts';

type Query = Parameters<EvidenceSource['pairs']>[0];

/** One conductor over both; rollouts are kept in the first. */
export function conductorOfBoth(first: ToyFleet, second: ToyFleet): RolloutConductor {
  const of = (slot: string) => (slot === first.slot ? first : second);
  const devices = (): FleetDevice[] =>
    first.devices().map((device) => {
      const other = second.devices().find(({ id }) => id === device.id)?.reported;
      const { reported } = device;
      if (!reported || !other) return device;
      const generation = Math.max(reported.generation, other.generation);
      return {
        ...device,
        reported: { ...reported, generation, slots: { ...reported.slots, ...other.slots } },
      };
    });
  return first.conductor({
    fleet: {
      devices,
      desiredSlot: (device, slot) => of(slot).desiredSlot(device),
      setSlot: (device: string, slot: string, desired: DesiredSlot) =>
        of(slot).setSlot(device, slot, desired),
      modelRef: (name, reference) => first.modelRef(name, reference),
      modelRefByHash: (hash) => first.modelRefByHash(hash),
      manifestOf: (hash) => first.manifestOf(hash),
    },
    evidence: {
      pairs: (query: Query) => of(query.slot).pairs(query),
      guardrails: ({ slot }) => of(slot).guardrails(),
    },
  });
}
