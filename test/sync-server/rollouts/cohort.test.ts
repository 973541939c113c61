import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { devicesToAdd } from '../../../sync-server/rollouts/cohort.ts';
import type { FleetDevice } from '../../../sync-server/rollouts/fleet-control.ts';

function fleetOf(size: number, offlineEvery = 0): FleetDevice[] {
  return Array.from({ length: size }, (_, i) => ({
    id: `mill-${i}`,
    labels: {},
    online: offlineEvery === 0 || i % offlineEvery !== 0,
    lastSeenMs: 0,
    reported: null,
  }));
}

const none: ReadonlySet<string> = new Set();

describe('the devices of a stage', () => {
  it('are the share of the fleet, rounded up, and at least one', () => {
    const sizes = fc.integer({ min: 1, max: 60 });
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 100 }), (size, percent) => {
        const chosen = devicesToAdd('r1', percent / 100, fleetOf(size), none);
        expect(chosen).toHaveLength(Math.max(1, Math.ceil((size * percent) / 100)));
        expect(new Set(chosen).size).toBe(chosen.length);
      }),
    );
  });

  it('only grow from stage to stage, and are never chosen twice', () => {
    const fleet = fleetOf(20);
    const first = devicesToAdd('r1', 0.1, fleet, none);
    const second = devicesToAdd('r1', 0.5, fleet, new Set(first));
    expect(first).toHaveLength(2);
    expect(second).toHaveLength(8);
    expect(second.filter((id) => first.includes(id))).toEqual([]);
    expect(devicesToAdd('r1', 0.1, fleet, new Set([...first, ...second]))).toEqual([]);
  });

  it('are the same after a restart and others in another rollout', () => {
    const fleet = fleetOf(50);
    const chosen = devicesToAdd('r1', 0.2, fleet, none);
    expect(devicesToAdd('r1', 0.2, fleet.toReversed(), none)).toEqual(chosen);
    expect(devicesToAdd('r2', 0.2, fleet, none)).not.toEqual(chosen);
  });

  it('are online ones first, since only they bring evidence', () => {
    const fleet = fleetOf(10, 2);
    const online = new Set(fleet.filter((device) => device.online).map(({ id }) => id));
    expect(devicesToAdd('r1', 0.5, fleet, none).every((id) => online.has(id))).toBe(true);
    expect(devicesToAdd('r1', 1, fleet, none)).toHaveLength(10);
  });
});
