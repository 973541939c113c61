/** A file for the hand-made models of test/support/packages.ts: the features `a` (1 to 5) and `b`, a part every 2 ms. */
import { PLATES } from './device-process.ts';

export const TINY_EVERY_MS = 2;

/** @param b of all rows, or of each by its number from 0 */
export function tinySamplesCsv(b: number | ((row: number) => number)): string {
  const rows = Array.from({ length: PLATES }, (_, i) => {
    const time = new Date(1_700_000_000_000 + i * TINY_EVERY_MS).toISOString();
    return `plate-${i + 1},${time},${(i % 5) + 1},${typeof b === 'number' ? b : b(i)}`;
  });
  return `${['part,time,a,b', ...rows].join('\n')}\n`;
}
