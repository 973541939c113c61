/** What became of the samples of a test: counted in the databases, checked, and fit for a row of the table. */
import { expect } from 'vitest';
import type { DeviceProcess } from './device-process.ts';
import { countPlates, exactlyOnce, positionReached } from './ledger.ts';
import type { ServerProcess } from './server-process.ts';

export interface Outcome {
  /** Samples that a source delivered. */
  readonly made: number;
  readonly recorded: number;
  /** Null where no server took part. */
  readonly atServer: number | null;
  readonly lost: number;
  readonly doubled: number;
}

/**
 * Ends a device and checks that every plate is recorded exactly once: on the device, and at its server if it has one.
 * @param made plates that were replayed; absent: as many as the device says it has reached
 */
export async function endExactlyOnce(
  device: DeviceProcess,
  { made: known, server }: { readonly made?: number; readonly server?: ServerProcess } = {},
): Promise<Outcome> {
  expect(await device.end()).toBe(0);
  const made = known ?? positionReached(device.database);
  const here = countPlates('device', device.database, made, device.id);
  expect(here).toEqual(exactlyOnce(made));
  if (!server)
    return { made, recorded: here.records, atServer: null, lost: here.lost, doubled: here.doubled };
  const there = countPlates('server', server.database, made, device.id);
  expect(there).toEqual(exactlyOnce(made));
  const { records: atServer, lost, doubled } = there;
  return { made, recorded: here.records, atServer, lost, doubled };
}

export function totalOf(outcomes: readonly Outcome[]): Outcome {
  const sum = (of: (outcome: Outcome) => number) => outcomes.reduce((total, each) => total + of(each), 0);
  return {
    made: sum(({ made }) => made),
    recorded: sum(({ recorded }) => recorded),
    atServer: outcomes.every(({ atServer }) => atServer === null)
      ? null
      : sum(({ atServer }) => atServer ?? 0),
    lost: sum(({ lost }) => lost),
    doubled: sum(({ doubled }) => doubled),
  };
}
