/** Real data that the shipped models did not learn from, with the baselines that ship, for replays of drift. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { FeatureWindow } from '../../agent/monitor/feature-window.ts';
import { PairWindow } from '../../agent/monitor/pair-window.ts';
import { type Watched, watchedInputs } from '../../agent/monitor/watched-features.ts';
import { correlation } from '../../protocol/drift/correlation-shift.ts';
import { sha256Hex } from '../../protocol/keys.ts';
import { baselineProfileSchema } from '../../protocol/manifest.ts';
import { parseManifest } from '../../protocol/package-verify.ts';

export interface RealSet {
  readonly name: string;
  readonly watched: Watched;
  /** Rows in order, as the monitor takes them. */
  readonly rows: readonly number[][];
  /** Whether neighbours in `rows` followed each other in life. */
  readonly isSeries: boolean;
}

const MODELS = resolve(import.meta.dirname, '..', '..', 'models');
const PLATES = 'steel-plates-faults/Faults.NNA';
const PLATES_SHA256 = '5c1e270d42b950a569407f74e87e7ef6f013aef592ed627617395c9abdecc344';
const TEMPERATURE = 'nab-machine-temperature/machine_temperature_system_failure.csv';
const TEMPERATURE_SHA256 = '92bf5b87fc7f9bba8ca0b7ec63ccaac8cb4a1371a258e8c29a10ae9c018d82a4';
const PLATE_FEATURES = 27;
/** Labelled periods of combined_windows.json after December 2013. */
const LABELLED = [
  ['2014-01-27 14:20:00', '2014-01-29 13:30:00'],
  ['2014-02-07 14:55:00', '2014-02-09 14:05:00'],
] as const;

export function hasRealSets(dataDir: string | undefined): dataDir is string {
  return dataDir !== undefined && [PLATES, TEMPERATURE].every((file) => existsSync(join(dataDir, file)));
}

/**
 * The fifth of the steel plates that `models/training/splits.py` holds out. The package brings no correlations, so they
 * are taken here from the other four fifths, as training takes them now.
 */
export function steelPlates(dataDir: string): RealSet {
  const all = readChecked(dataDir, PLATES, PLATES_SHA256)
    .map((line) => line.replaceAll('"', '').split('\t').slice(0, PLATE_FEATURES).map(Number))
    .filter((row) => row.length === PLATE_FEATURES);
  const file = join(import.meta.dirname, 'steel-plates-held-out.json');
  const heldOut = new Set(JSON.parse(readFileSync(file, 'utf8')) as number[]);
  const watched = watchedOf('steel-surface');
  const learnt = all.filter((_, i) => !heldOut.has(i));
  return {
    name: 'steel plates',
    watched: { ...watched, correlations: correlationsOf(watched, learnt) },
    rows: all.filter((_, i) => heldOut.has(i)),
    isSeries: false,
  };
}

/** Outside of the labelled periods, from a day on which the model learnt nothing any more. */
export function machineTemperature(dataDir: string, from: string, to: string): RealSet {
  const rows = readChecked(dataDir, TEMPERATURE, TEMPERATURE_SHA256)
    .slice(1)
    .map((line) => line.split(','))
    .filter(([time = '']) => time >= from && time < to && !isLabelled(time))
    .map(([, value]) => [Number(value)]);
  return { name: 'machine temperature', watched: watchedOf('bearing-temperature'), rows, isSeries: true };
}

function isLabelled(time: string): boolean {
  return LABELLED.some(([start, end]) => time >= start && time <= end);
}

function watchedOf(model: string): Watched {
  const folder = join(MODELS, model, '1');
  const manifest = parseManifest(readFileSync(join(folder, 'manifest.json')));
  const baseline: unknown = JSON.parse(readFileSync(join(folder, manifest.baselineProfile), 'utf8'));
  return watchedInputs(manifest, baselineProfileSchema.parse(baseline));
}

function correlationsOf({ features }: Watched, rows: readonly number[][]): number[] {
  const window = new FeatureWindow(features);
  const pairs = new PairWindow(features.length);
  for (const row of rows) {
    window.add(row);
    pairs.add(window.grades);
  }
  const none = new PairWindow(features.length);
  let place = 0;
  return features.flatMap((_, a) =>
    features.slice(a + 1).map((_, next) => correlation(pairs.with(none, place++, a, a + 1 + next))),
  );
}

function readChecked(dataDir: string, file: string, sha256: string): string[] {
  const bytes = readFileSync(join(dataDir, file));
  if (sha256Hex(bytes) !== sha256) throw new Error(`${file} is not the file that the models were trained on`);
  return bytes
    .toString('utf8')
    .split('\n')
    .filter((line) => line.trim() !== '');
}
