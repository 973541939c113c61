/**
 * Steel plates as a line would measure them: the real rows where ANDON_DATA_DIR names the data set, else the golden samples
 * of the shipped package, over and over, each with a serial number and a time that jitters as a line's does.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseManifest } from '../../protocol/package-verify.ts';
import { plateRows } from '../../test/support/steel-plates.ts';

export const plateModel = resolve(import.meta.dirname, '..', '..', 'models', 'steel-surface', '1');

const EVERY_MS = 100;
const JITTER_MS = 20;
const STARTED_MS = 1_700_000_000_000;
const WRITE_CHARS = 1_000_000;

/** How many different plates there are; so many in a row are all different. */
export function differentPlates(): number {
  return plateRows().length;
}

/** A CSV with columns `part`, `time` and the model's features. */
export function writePlates(path: string, count: number): void {
  const { input } = parseManifest(readFileSync(join(plateModel, 'manifest.json')));
  if (input.kind !== 'features') throw new Error('the plates’ model takes features');
  const rows = plateRows().map((row) => row.join(','));
  const file = openSync(path, 'w');
  let text = `part,time,${input.features.map(({ name }) => name).join(',')}\n`;
  for (let i = 0; i < count; i++) {
    // The golden ratio's multiples: spread evenly, the same in every run.
    const jitterMs = Math.round(((i * 0.618_033_988_75) % 1) * 2 * JITTER_MS - JITTER_MS);
    text += `plate-${100_000 + i},${new Date(STARTED_MS + i * EVERY_MS + jitterMs).toISOString()},${rows[i % rows.length]}\n`;
    if (text.length < WRITE_CHARS && i < count - 1) continue;
    writeSync(file, text);
    text = '';
  }
  closeSync(file);
}
