/**
 * Steel-plate samples for tests: the real data set where ANDON_DATA_DIR names it, else the golden samples of the
 * shipped package, replayed over and over.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { goldenSchema, manifestSchema } from '../../protocol/manifest.ts';
import { projectRoot } from './processes.ts';

const packageFolder = join(projectRoot, 'models', 'steel-surface', '1');

/** The 27 features of each plate. */
export function plateRows(): number[][] {
  const dataDir = process.env.ANDON_DATA_DIR;
  if (dataDir) {
    return readFileSync(join(dataDir, 'steel-plates-faults', 'Faults.NNA'), 'utf8')
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => line.replaceAll('"', '').split('\t').slice(0, 27).map(Number));
  }
  const golden = goldenSchema.parse(JSON.parse(readFileSync(join(packageFolder, 'golden.json'), 'utf8')));
  return golden.samples.map((sample) => sample.input);
}

/** A CSV with a unique `part` id a row and a `time` column that advances `everyMs`. */
export function steelPlatesCsv(count: number, everyMs: number): string {
  const manifest = manifestSchema.parse(
    JSON.parse(readFileSync(join(packageFolder, 'manifest.json'), 'utf8')),
  );
  if (manifest.input.kind !== 'features') throw new Error('steel-surface takes features');
  const data = plateRows();
  const lines = Array.from({ length: count }, (_, i) => {
    const row = data[i % data.length] as number[];
    return [`plate-${i + 1}`, new Date(1_700_000_000_000 + i * everyMs).toISOString(), ...row].join(',');
  });
  return `${['part', 'time', ...manifest.input.features.map((f) => f.name)].join(',')}\n${lines.join('\n')}\n`;
}
