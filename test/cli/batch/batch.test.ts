import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { parquetWriteFile } from 'hyparquet-writer';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Decision, goldenSchema, type Manifest } from '../../../protocol/manifest.ts';
import { makePackage, manifestOf, readFiles, tinyOutput, writePackage } from '../../support/packages.ts';
import { projectRoot } from '../../support/processes.ts';
import { meanOnnx } from '../../support/tiny-onnx.ts';
import { runAndon } from '../run-andon.ts';

// Each run is a process with engines of its own, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 });

const BRIGHT: Decision = { kind: 'threshold', labels: ['dark', 'bright'], threshold: 100 };

let folder = '';
const at = (name: string) => join(folder, name);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'andon-batch-'));
  writePackage(at('tiny'), makePackage());
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const unsigned = (...args: string[]) => runAndon('batch', '--unsigned', '--model', at('tiny'), ...args);
const linesOf = (name: string) => readFileSync(at(name), 'utf8').trimEnd().split('\n');
const objectsOf = (name: string) => linesOf(name).map((line) => JSON.parse(line) as Record<string, unknown>);

describe('andon batch', () => {
  it('says of every golden sample of a shipped model what the package says', async () => {
    const model = join(projectRoot, 'models', 'steel-surface', '1');
    const files = readFiles(model);
    const manifest = manifestOf(files);
    const golden = goldenSchema.parse(JSON.parse(String(files.get('golden.json'))));
    const features =
      manifest.input.kind === 'features' ? manifest.input.features.map(({ name }) => name) : [];
    const rows = golden.samples.map(({ input }) => input.join(','));
    writeFileSync(at('golden.csv'), `${[features.join(','), ...rows].join('\n')}\n`);
    const ran = await runAndon(
      ...['batch', '--model', 'steel-surface@1', '--outputs', 'all'],
      ...['--input', at('golden.csv'), '--output', at('golden.ndjson')],
    );
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining(`Predicted ${rows.length} of`) });
    const answers = objectsOf('golden.ndjson');
    expect(answers.map(({ row }) => row)).toEqual(rows.map((_, i) => i + 1));
    const { labels } = manifest.output.decision;
    for (const [i, { output }] of golden.samples.entries()) {
      const given = labels.map((label) => Number(answers[i]?.[`output_${label}`]));
      expect(answers[i]?.label).toBe(labels[given.indexOf(Math.max(...given))]);
      for (const [k, value] of output.entries())
        expect(Math.abs((given[k] ?? Number.NaN) - value)).toBeLessThanOrEqual(manifest.golden.tolerance);
    }
  });

  it('puts bad rows into a side file, each with its number, code and reason', async () => {
    writeFileSync(at('bad.csv'), 'serial,a,b,note\nP1,3,1,007\nP2,,1,x\nP3,1,2,"a, b"\nP4,1\n');
    const args = [
      '--input',
      at('bad.csv'),
      '--output',
      at('bad-out.csv'),
      '--key',
      'serial',
      '--keep',
      'note',
    ];
    const ran = await unsigned(...args);
    expect(ran.code).toBe(0);
    expect(ran.stdout).toMatch(/^Predicted 2 of 4 rows .*\nRejected 2 rows \(SAMPLE_INVALID 2\)/);
    expect(linesOf('bad-out.csv')).toEqual([
      'row,serial,note,label,score,model',
      `1,P1,007,failure,${Math.fround(tinyOutput({ weights: [[1, -1]] }, [3, 1])[0] ?? 0).toPrecision(7)},tiny@1`,
      expect.stringMatching(/^3,P3,"a, b",ok,0\.26894\d+,tiny@1$/),
    ]);
    expect(objectsOf('bad-out.rejected.ndjson')).toEqual([
      { row: 2, key: 'P2', code: 'SAMPLE_INVALID', reason: '"a" is missing' },
      { row: 4, key: null, code: 'SAMPLE_INVALID', reason: 'has 2 cells, the header has 4' },
    ]);
    expect((await unsigned(...args, '--strict', '--restart')).code).toBe(1);
  });

  it('rejects only the row that the model has no answer for', async () => {
    writePackage(at('root'), makePackage({ graph: { kind: 'sqrt', weights: [[1, -1]] } }));
    const rows = Array.from({ length: 300 }, (_, i) => (i === 200 ? '0,1' : `${i},0`));
    writeFileSync(at('root.csv'), `a,b\n${rows.join('\n')}\n`);
    const ran = await runAndon(
      ...[
        'batch',
        '--unsigned',
        '--model',
        at('root'),
        '--input',
        at('root.csv'),
        '--output',
        at('root.ndjson'),
      ],
    );
    expect(ran.code).toBe(0);
    expect(objectsOf('root.ndjson')).toHaveLength(299);
    expect(objectsOf('root.rejected.ndjson')).toMatchObject([{ row: 201, code: 'ENGINE_OUTPUT_INVALID' }]);
  });

  it('reads and writes NDJSON and Parquet as it does CSV', async () => {
    const rows = Array.from({ length: 500 }, (_, i) => ({
      id: `P${i}`,
      a: i % 7,
      b: (i % 5) / 4,
      label: 'seen',
    }));
    writeFileSync(
      at('in.csv'),
      `id,a,b,label\n${rows.map((row) => Object.values(row).join(',')).join('\n')}`,
    );
    writeFileSync(at('in.ndjson'), rows.map((row) => JSON.stringify(row)).join('\n'));
    const column = (name: 'id' | 'a' | 'b' | 'label') => ({ name, data: rows.map((row) => row[name]) });
    parquetWriteFile({
      filename: at('in.parquet'),
      columnData: [column('id'), column('a'), column('b'), column('label')],
      rowGroupSize: 200,
    });
    const common = ['--key', 'id', '--keep', 'all', '--outputs', 'all', '--json'];
    // `a` and `b` are kept as numbers where the input has numbers; the label of the input steps back for ours.
    const wanted = rows.map((row, i) => ({ row: i + 1, id: row.id, input_label: 'seen' }));
    for (const format of ['csv', 'ndjson', 'parquet']) {
      const ran = await unsigned(
        '--input',
        at(`in.${format}`),
        '--output',
        at(`${format}.ndjson`),
        ...common,
      );
      expect(JSON.parse(ran.stdout)).toMatchObject({ rows: 500, predicted: 500, rejected: {} });
      expect(objectsOf(`${format}.ndjson`)).toMatchObject(wanted);
    }
    expect(linesOf('parquet.ndjson')).toEqual(linesOf('ndjson.ndjson'));
    await unsigned('--input', at('in.ndjson'), '--output', at('out.parquet'), ...common);
    const back = await parquetReadObjects({ file: await asyncBufferFromFile(at('out.parquet')) });
    const texts = objectsOf('ndjson.ndjson').map((row) => ({ ...row, a: String(row.a), b: String(row.b) }));
    expect(back.map((row) => ({ ...row, score: 0, output: 0 }))).toEqual(
      texts.map((row) => ({ ...row, score: 0, output: 0 })),
    );
    expect(back.map(({ score }) => score)).toEqual(
      objectsOf('ndjson.ndjson').map(({ score }) => Math.fround(Number(score))),
    );
  });

  it('carries windows over the file, with rows that only fill them counted', async () => {
    const input: Manifest['input'] = {
      kind: 'window',
      tensor: 'input',
      features: [{ name: 'a', unit: '' }],
      length: 2,
      stride: 1,
    };
    writePackage(at('window'), makePackage({ input, graph: { weights: [[-1, 1]], kind: 'linear' } }));
    writeFileSync(at('window.csv'), 'a\n1\n3\n2\n7\n');
    const args = ['--model', at('window'), '--input', at('window.csv'), '--output', at('window.ndjson')];
    const ran = await runAndon('batch', '--unsigned', ...args);
    expect(ran.stdout).toContain('1 rows only filled');
    expect(objectsOf('window.ndjson').map(({ row, score }) => [row, score])).toEqual([
      [2, 2],
      [3, -1],
      [4, 5],
    ]);
  });

  it('looks at every picture of a folder, in the order of their names', async () => {
    const input: Manifest['input'] = {
      kind: 'image',
      tensor: 'input',
      width: 4,
      height: 4,
      channels: 1,
      layout: 'nchw',
      fit: 'fill',
    };
    writePackage(
      at('bright'),
      makePackage({ input, onnx: meanOnnx([1, 4, 4]), output: 'mean', decision: BRIGHT }),
    );
    mkdirSync(at('pictures'));
    for (const [name, grey] of [
      ['b.png', 200],
      ['a.png', 20],
    ] as const) {
      const background = { r: grey, g: grey, b: grey };
      await sharp({ create: { width: 8, height: 8, channels: 3, background } }).toFile(
        at(`pictures/${name}`),
      );
    }
    writeFileSync(at('pictures/c.jpg'), 'no picture');
    writeFileSync(at('pictures/notes.txt'), 'not looked at');
    const args = ['--model', at('bright'), '--input', at('pictures'), '--output', at('pictures.ndjson')];
    expect(await runAndon('batch', '--unsigned', ...args)).toMatchObject({ code: 0 });
    expect(objectsOf('pictures.ndjson')).toMatchObject([
      { row: 1, file: 'a.png', label: 'dark' },
      { row: 2, file: 'b.png', label: 'bright' },
    ]);
    expect(objectsOf('pictures.rejected.ndjson')).toMatchObject([
      { row: 3, key: 'c.jpg', code: 'SAMPLE_INVALID' },
    ]);
  });

  it('takes columns of other names, and says which are missing before it begins', async () => {
    writeFileSync(at('names.csv'), 'temp;b\n3;1\n');
    const args = ['--input', at('names.csv'), '--output', at('names.ndjson'), '--delimiter', ';'];
    const missing = await unsigned(...args);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toMatch(/has no column "a"; it has "temp", "b"\.\n {2}.*--columns/);
    expect(existsSync(at('names.ndjson.journal'))).toBe(false);
    expect((await unsigned(...args, '--columns', 'a=temp')).code).toBe(0);
    expect(objectsOf('names.ndjson')).toMatchObject([{ row: 1, label: 'failure' }]);
  });
});

describe('andon batch refuses', () => {
  beforeAll(() => writeFileSync(at('ok.csv'), 'a,b\n1,2\n'));
  const args = (output: string) => ['--input', at('ok.csv'), '--output', at(output)];

  it('a model that is not signed, unless told', async () => {
    const ran = await runAndon('batch', '--model', at('tiny'), ...args('unsigned.csv'));
    expect(ran).toMatchObject({ code: 1, stderr: expect.stringMatching(/not signed.*\n.*--unsigned/) });
  });

  it('to replace an output, unless told', async () => {
    writeFileSync(at('taken.csv'), 'mine');
    const ran = await unsigned(...args('taken.csv'));
    expect(ran).toMatchObject({ code: 1, stderr: expect.stringContaining('is there already') });
    expect(readFileSync(at('taken.csv'), 'utf8')).toBe('mine');
    expect((await unsigned(...args('taken.csv'), '--restart')).code).toBe(0);
    expect(linesOf('taken.csv')).toHaveLength(2);
  });

  it('to go on with a run that was about something else', async () => {
    expect((await unsigned(...args('changed.csv'))).code).toBe(0);
    const size = statSync(at('changed.csv')).size;
    const journal = {
      about: { model: 'another' },
      pid: 1,
      state: 'running',
      inputAt: 4,
      nextRow: 1,
      lastLabel: 0,
    };
    const rest = {
      outputBytes: size,
      rejectedBytes: 0,
      rowGroups: '',
      counts: { rows: 0, predicted: 0, notDue: 0, rejected: {} },
    };
    writeFileSync(at('changed.csv.journal'), JSON.stringify({ ...journal, ...rest }));
    const ran = await unsigned(...args('changed.csv'));
    expect(ran).toMatchObject({ code: 1, stderr: expect.stringMatching(/another model.*\n.*--restart/) });
    expect((await unsigned(...args('changed.csv'), '--restart')).code).toBe(0);
  });

  it.each([
    [
      'a format that it does not know',
      ['--input', 'in.xls', '--output', 'out.csv'],
      'in.xls ends with no format',
    ],
    [
      'an input that is not there',
      ['--input', 'nowhere.csv', '--output', 'out.csv'],
      'nowhere.csv cannot be read',
    ],
    [
      'a model that is not there',
      ['--model', 'none@1', '--input', 'a.csv', '--output', 'b.csv'],
      'no model package none@1',
    ],
  ])('%s', async (_, given, words) => {
    const ran = await unsigned(...given);
    expect(ran).toMatchObject({ code: 1, stderr: expect.stringContaining(words) });
  });
});
