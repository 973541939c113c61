import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FileSourceConfig } from '../../../agent/config/schema.ts';
import { CsvRows, csvColumns } from '../../../agent/sources/csv-rows.ts';
import { isBad } from '../../../agent/sources/row.ts';
import { LineSplitter } from '../../../agent/sources/text-lines.ts';

function split(bytes: Buffer, cuts: readonly number[], maxBytes: number) {
  const splitter = new LineSplitter(maxBytes);
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return [...at.slice(1).flatMap((end, i) => splitter.take(bytes.subarray(at[i], end))), ...splitter.end()];
}

describe('splitting a file into lines', () => {
  it('gives the same lines wherever the chunks are cut, also through a character', () => {
    const text = fc.array(fc.constantFrom('a', 'é', '💡', '\n', '\r\n', '"', ','), { maxLength: 60 });
    fc.assert(
      fc.property(
        text,
        fc.array(fc.nat(), { maxLength: 8 }),
        fc.integer({ min: 1, max: 20 }),
        (parts, cuts, max) => {
          const bytes = Buffer.from(parts.join(''));
          expect(split(bytes, cuts, max)).toEqual(split(bytes, [], max));
        },
      ),
    );
  });

  it('refuses a line by its bytes, keeps one that just fits, and needs no line end at the end', () => {
    expect(split(Buffer.from('éé\nééé\r\n\nab'), [], 4)).toEqual(['éé', { tooLongBytes: 7 }, '', 'ab']);
  });
});

describe('CSV', () => {
  it('gives back whatever a correct writer quoted', () => {
    const cell = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', 'é', '1') });
    const table = fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 8 });
    const config = {
      path: 'x',
      delimiter: ',',
      columns: {},
      tags: {},
      constantTags: {},
      maxRowBytes: 10_000,
    } as FileSourceConfig;
    fc.assert(
      fc.property(table, (cells) => {
        const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
        const text = ['h,k', ...cells.map((row) => row.map(quoted).join(','))].join('\n');
        const [header = '', ...lines] = text.split('\n');
        const reader = new CsvRows(csvColumns(header, config), config);
        const rows = [header, ...lines].flatMap((line) => reader.take(line)).concat(reader.end());
        const read = rows.map((row) => (isBad(row) ? row.problem : Object.values(row.features).map(String)));
        const meant = (text: string) => {
          const trimmed = text.trim();
          return trimmed === '' ? 'null' : /^1+$/.test(trimmed) ? String(Number(trimmed)) : trimmed;
        };
        expect(read).toEqual(cells.map((row) => row.map(meant)));
      }),
    );
  });
});
