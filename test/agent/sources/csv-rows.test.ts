/** Rows of CSV as files have them; `file-replay.test.ts` reads whole files. */
import { describe, expect, it } from 'vitest';
import { deviceConfigSchema, type FileSourceConfig } from '../../../agent/config/schema.ts';
import { CsvRows } from '../../../agent/sources/csv-rows.ts';

const { sources } = deviceConfigSchema.parse({
  device: { id: 'd1' },
  sources: { file: { kind: 'file', path: 'x.csv', format: 'csv' } },
  slots: {},
});

function reader(): CsvRows {
  const rows = new CsvRows(['a', 'b'], sources.file as FileSourceConfig);
  rows.take('a,b');
  return rows;
}

describe('a quoted cell', () => {
  it('may span lines', () => {
    const rows = reader();
    expect(rows.take('1,"two')).toEqual([]);
    expect(rows.take('lines"')).toEqual([
      { features: { a: 1, b: 'two\nlines' }, correlationId: null, recordedMs: null, tags: {} },
    ]);
  });

  it('that no line closes costs the first of them after a hundred, not the whole file and not for ever', () => {
    const rows = reader();
    const refused = Array.from({ length: 150 }, () => rows.take('x","y')).flat();
    expect(refused).toHaveLength(50);
    expect(refused[0]).toMatchObject({ code: 'SAMPLE_INVALID', problem: expect.stringContaining('quote') });
  });
});
