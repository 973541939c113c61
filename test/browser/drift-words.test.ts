import { expect, it } from 'vitest';
import { driftWords, mostChanged } from '../../sync-server/console/drift-words.ts';
import type { FleetDriftView } from '../../sync-server/views/fleet.ts';

function feature(name: string, driftingDevices: string[] = []): FleetDriftView['features'][number] {
  return {
    feature: name,
    psi: driftingDevices.length > 0 ? 0.5 : 0.01,
    drifting: false,
    driftingDevices,
    sinceMs: driftingDevices.length > 0 ? 1 : null,
    samples: 500,
    shares: [0.5, 0.5],
    baselineShares: [0.5, 0.5],
  };
}

const said = (...features: FleetDriftView['features']) => {
  const { verdict, detail } = driftWords({ slot: 's', model: 'm 1', devices: 5, newestMs: 1, features });
  return `${verdict} ${detail}`.trim();
};

it('says which input drifts, and on which devices', () => {
  expect(said(feature('torque'), feature('speed'))).toBe('Yes');
  expect(said(feature('torque', ['mill-1', 'mill-2']), feature('speed'))).toBe(
    'No: 1 input drifting torque, on mill-1, mill-2.',
  );
  expect(said(feature('torque', ['a', 'b', 'c', 'd']))).toBe(
    'No: 1 input drifting torque, on 4 of 5 devices.',
  );
  expect(said(feature('torque', ['a', 'b', 'c', 'd', 'e']), feature('speed', ['a']))).toBe(
    'No: 2 inputs drifting torque and 1 more, on all devices.',
  );
  expect(said({ ...feature('torque'), drifting: true })).toBe(
    'No: 1 input drifting torque, all devices together.',
  );
});

it('shows what drifts first, and leaves the tiles in their order', () => {
  const features = Array.from({ length: 9 }, (_, i) => feature(`f${i}`, i === 8 ? ['mill-1'] : []));
  expect(mostChanged(features).map(({ feature: name }) => name)).toEqual([
    'f0',
    'f1',
    'f2',
    'f3',
    'f4',
    'f8',
  ]);
});
