/** Input files for tests of `andon batch`, for the default package of test/support/packages.ts (features a and b). */
import { closeSync, openSync, writeSync } from 'node:fs';

export interface RowsFileOptions {
  readonly rows: number;
  /** Every so many rows: one that no model can take. */
  readonly badEvery?: number;
}

/** A CSV of serial, a, b and a note that is quoted now and then, sometimes over two lines. */
export function writeCsv(path: string, { rows, badEvery = 0 }: RowsFileOptions): void {
  const file = openSync(path, 'w');
  let text = 'serial,a,b,note\n';
  for (let i = 1; i <= rows; i++) {
    const isBad = badEvery > 0 && i % badEvery === 0;
    const note = i % 1000 === 0 ? `"said ""ok"",\nand left"` : 'fine';
    text += `P${i},${isBad ? 'broken' : (i % 97) / 10},${(i * 7) % 13},${note}\n`;
    if (text.length < 1_000_000 && i < rows) continue;
    writeSync(file, text);
    text = '';
  }
  closeSync(file);
}
