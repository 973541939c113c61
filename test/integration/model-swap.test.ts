/** Promise 6: no missed sample on a swap, counted one by one at full load through the real pipeline, engine and store. */
import { afterEach, expect, it } from 'vitest';
import { Line } from '../../bench/swap-line.ts';
import { builtEngine, hashOf, type Package, SwapRig } from '../../bench/swap-rig.ts';
import { makePackage } from '../support/packages.ts';

const SWAPS = 6;

let rig: SwapRig;
afterEach(() => rig.stop());

it('answers every sample once while one model follows the other at full load', async () => {
  const packages: Package[] = [1, 2, 3].map((version) =>
    makePackage({ version, graph: { weights: [[version, -1]] } }),
  );
  rig = new SwapRig({
    packages,
    slot: { probation: { predictions: 20, forMs: 0 }, selfTest: { shadowSamples: 20 } },
    engineEntry: builtEngine('agent/inference/engine-main.ts'),
  });
  await rig.start();
  const line = new Line(rig, packages[0] ?? new Map());
  const feeding = line.feedAtFullLoad();
  for (let i = 1; i <= SWAPS; i++) await rig.swapTo(hashOf(packages[i % packages.length] ?? new Map()));
  line.stop();
  await feeding;
  await rig.drain();
  expect(line.ledger()).toEqual({ missed: 0, doubled: 0 });
  expect(line.samples).toBeGreaterThan(1000);
}, 60_000);
