import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BlockReader } from '../../../cli/batch/block-reader.ts';
import type { BlockRows } from '../../../cli/batch/block-rows.ts';
import type { OpenPlan } from '../../../cli/batch/plan.ts';
import type { Manifest } from '../../../protocol/manifest.ts';
import { makePackage, manifestOf } from '../../support/packages.ts';

const features: Manifest['input'] = {
  kind: 'features',
  tensor: 'input',
  features: [
    { name: 'a', unit: '' },
    { name: 'kind', unit: '', categories: ['L', 'M', '1.0'] },
  ],
};

function readerOf(keep: readonly string[] = ['note']): BlockReader {
  const manifest = { ...manifestOf(makePackage()), input: features };
  const plan: OpenPlan = {
    model: { manifest, manifestSha256: '', folder: '' },
    input: { path: 'in.csv', format: 'csv', delimiter: ',', key: 'serial', columns: {} },
    output: { path: 'out.csv', format: 'csv', keep, allOutputs: false },
    columns: ['serial', 'a', 'kind', 'note'],
    batchRows: 1,
  };
  return new BlockReader(plan);
}

function whatIsIn(rows: BlockRows) {
  return {
    count: rows.count,
    places: rows.places,
    keys: rows.keys,
    kept: rows.kept,
    rejected: rows.rejected,
    values: [...(rows.data(0, rows.places.length) as Float32Array)],
  };
}

/** The same lines, all of them by way of the agent's reader: a quoted cell is nothing that the scan reads. */
function quoted(line: string): string {
  const [serial = '', ...rest] = line.split(',');
  return [`"${serial}"`, ...rest].join(',');
}

const number = fc.oneof(
  fc.double({ noNaN: true }).map(String),
  fc.double({ noNaN: true, min: -1e6, max: 1e6 }).map((value) => value.toFixed(4)),
  fc.integer().map(String),
  fc.constantFrom(
    '',
    ' ',
    '-',
    '.',
    '5.',
    '.5',
    '-.5',
    '+1',
    '1e3',
    '1e999',
    '1e39',
    '0x10',
    'NaN',
    '--1',
    '1.2.3',
  ),
  fc.constantFrom('000000000000000000001', '0.30000000000000004', '9007199254740993', ' 7 ', '-0'),
);
const line = fc
  .tuple(
    fc.constantFrom('P1', '', ' x '),
    number,
    fc.constantFrom('L', ' M', 'Q', '1.0', '1', ''),
    fc.constantFrom('ok', '007', ' é '),
  )
  .map((cells) => cells.join(','));

describe('the scan of simple CSV lines', () => {
  it('reads what the agent’s own reader reads, and leaves to it what it refuses', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(line, fc.constantFrom('', ' ', 'P1,1', 'P1,1,L,a,b')), { maxLength: 20 }),
        (lines) => {
          const fast = readerOf().text(Buffer.from(lines.join('\n')));
          const slow = readerOf().text(
            Buffer.from(lines.map((each) => (each.trim() === '' ? each : quoted(each))).join('\r\n')),
          );
          expect(whatIsIn(fast)).toEqual(whatIsIn(slow));
        },
      ),
      { numRuns: 500 },
    );
  });

  it('keeps cells as they were written', () => {
    const rows = readerOf(['note', 'a']).text(Buffer.from('P1,1.50,L,007\nP2,2,L,"a ""b"""\n'));
    expect(rows.kept).toEqual(['007', '1.50', 'a "b"', '2']);
    expect(rows.keys).toEqual(['P1', 'P2']);
  });

  it('tells why a row cannot be used, and its place', () => {
    const rows = readerOf().text(Buffer.from('P1,1,L,n\nP2,,L,n\nP3,1\nP4,1,Q,n\n'));
    expect(rows.rejected).toEqual([
      { row: 1, key: 'P2', code: 'SAMPLE_INVALID', reason: '"a" is missing' },
      { row: 2, key: null, code: 'SAMPLE_INVALID', reason: 'has 2 cells, the header has 4' },
      { row: 3, key: 'P4', code: 'SAMPLE_INVALID', reason: '"kind" has the unknown category "Q"' },
    ]);
  });
});
