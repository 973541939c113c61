/** Models of whole tensors over a file: each tensor a field by its name. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetWriteFile } from 'hyparquet-writer';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { makePackage, writePackage } from '../../support/packages.ts';
import { meanOnnx, passingOnnx } from '../../support/tiny-onnx.ts';
import { runAndon } from '../run-andon.ts';

vi.setConfig({ testTimeout: 120_000 });

let folder = '';
const at = (name: string) => join(folder, name);
const linesOf = (name: string) => readFileSync(at(name), 'utf8').trimEnd().split('\n');
const objectsOf = (name: string) => linesOf(name).map((line) => JSON.parse(line) as Record<string, unknown>);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'andon-tensors-'));
  writePackage(
    at('several'),
    makePackage({
      onnx: passingOnnx([
        { name: 'score', dtype: 'float32', shape: ['n', 1] },
        { name: 'ids', dtype: 'int64', shape: ['n', 'k'] },
        { name: 'recipe', dtype: 'string', shape: ['n'] },
      ]),
      input: {
        kind: 'tensors',
        tensors: [
          { name: 'score', dtype: 'float32', shape: [-1, 1] },
          { name: 'ids', dtype: 'int64', shape: [-1, -1] },
          { name: 'recipe', dtype: 'string', shape: [-1] },
        ],
      },
      output: 'score-out',
    }),
  );
  writePackage(
    at('one'),
    makePackage({
      onnx: meanOnnx([2, 2]),
      input: { kind: 'tensor', tensor: 'input', dtype: 'uint8', shape: [2, 2] },
      output: 'mean',
      decision: { kind: 'bands', labels: ['dark', 'bright'], edges: [128], unit: 'grey' },
    }),
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (model: string, input: string, output: string, ...more: string[]) =>
  runAndon(
    'batch',
    '--unsigned',
    '--model',
    at(model),
    '--input',
    at(input),
    '--output',
    at(output),
    ...more,
  );

describe('a model of several tensors', () => {
  it('reads each from the field of its name, and says of a row that does not fit what was wanted', async () => {
    const rows = [
      { serial: 'P1', score: 0.25, ids: [1, 2], recipe: 'A7' },
      { serial: 'P2', score: [0.75], ids: [3], recipe: ['Prüfteil'] },
      { serial: 'P3', score: 0.75, recipe: 'A7' },
      { serial: 'P4', score: 'much', ids: [1], recipe: 'A7' },
      { serial: 'P5', score: [0.5, 0.5], ids: [1], recipe: 'A7' },
      { serial: 'P6', score: 1, ids: [2 ** 60], recipe: 'A7' },
      { serial: 'P7', score: 1, ids: ['1152921504606846977'], recipe: 'A7' },
    ];
    writeFileSync(at('in.ndjson'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    const ran = await run('several', 'in.ndjson', 'out.ndjson', '--key', 'serial', '--keep', 'recipe');
    expect(ran.code, ran.stderr).toBe(0);
    expect(objectsOf('out.ndjson')).toMatchObject([
      { row: 1, serial: 'P1', recipe: 'A7', label: 'ok', score: 0.25 },
      { row: 2, serial: 'P2', label: 'failure', score: 0.75 },
      { row: 7, serial: 'P7', label: 'failure', score: 1 },
    ]);
    expect(objectsOf('out.rejected.ndjson')).toEqual([
      { row: 3, key: 'P3', code: 'SAMPLE_INVALID', reason: "input 'ids' is missing" },
      {
        row: 4,
        key: 'P4',
        code: 'SAMPLE_INVALID',
        reason: 'input \'score\' is the text "much", no number and no list',
      },
      {
        row: 5,
        key: 'P5',
        code: 'SAMPLE_INVALID',
        reason: "input 'score' has 2 values, where its shape makes 1",
      },
      {
        row: 6,
        key: 'P6',
        code: 'SAMPLE_INVALID',
        reason: expect.stringContaining('not a whole number of INT64'),
      },
    ]);
  });
});

describe('a model of one tensor', () => {
  const rows = [
    {
      input: [
        [0, 0],
        [10, 10],
      ],
      label: 'dark',
    },
    { input: [200, 200, 200, 200], label: 'bright' },
  ];

  it.each([
    [
      'ndjson',
      () =>
        writeFileSync(at('one.ndjson'), rows.map(({ input }) => `${JSON.stringify({ input })}\n`).join('')),
    ],
    [
      'csv',
      () =>
        writeFileSync(
          at('one.csv'),
          `input\n${rows.map(({ input }) => `"${JSON.stringify(input)}"`).join('\n')}\n`,
        ),
    ],
    [
      'parquet',
      () =>
        parquetWriteFile({
          filename: at('one.parquet'),
          columnData: [
            { name: 'input', data: rows.map(({ input }) => JSON.stringify(input)), type: 'STRING' },
          ],
        }),
    ],
  ] as const)('takes it from %s, nested or flat', async (format, write) => {
    await write();
    const ran = await run('one', `one.${format}`, `one-out.${format}.ndjson`);
    expect(ran.code, ran.stderr).toBe(0);
    expect(objectsOf(`one-out.${format}.ndjson`).map(({ label }) => label)).toEqual(
      rows.map(({ label }) => label),
    );
  });
});
