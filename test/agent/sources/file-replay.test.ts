import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../agent/clock.ts';
import type { FileSourceConfig } from '../../../agent/config/schema.ts';
import { createSource } from '../../../agent/sources/create-source.ts';
import { RecordingSink } from './recording-sink.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'andon-replay-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function source(content: string | Buffer, change: Partial<FileSourceConfig> = {}) {
  const path = join(folder, 'rows');
  writeFileSync(path, content);
  const config: FileSourceConfig = {
    kind: 'file',
    path,
    format: 'csv',
    speed: 'full',
    scale: 1,
    columns: {},
    tags: {},
    constantTags: {},
    delimiter: ',',
    maxRowBytes: 4096,
    ...change,
  };
  return createSource('rows', config, { clock: systemClock });
}

const until = (condition: () => boolean) => vi.waitUntil(condition, { timeout: 10_000, interval: 5 });

async function replay(content: string | Buffer, change: Partial<FileSourceConfig> = {}, after = 0) {
  const sink = new RecordingSink();
  const replayed = source(content, change);
  await replayed.start(sink, after);
  await until(() => replayed.done());
  await replayed.stop();
  return sink;
}

const positions = (sink: RecordingSink) => sink.samples.map((sample) => sample.position);
const features = (sink: RecordingSink) => sink.samples.map((sample) => sample.features);
const codes = (sink: RecordingSink) => sink.refusals.map(({ code }) => code);
const ndjson = { format: 'ndjson' } as const;

describe('a CSV file', () => {
  it('becomes one sample a row, with numbers as numbers and blanks as missing', async () => {
    const sink = await replay('type,speed,wear\nL,1.5e3,\r\n M , -0.5 ,7\n\nH,+3,.5');
    expect(features(sink)).toEqual([
      { type: 'L', speed: 1500, wear: null },
      { type: 'M', speed: -0.5, wear: 7 },
      { type: 'H', speed: 3, wear: 0.5 },
    ]);
    expect(positions(sink)).toEqual([1, 2, 3]);
    expect(sink.samples[0]).toMatchObject({ source: 'rows', correlationId: null });
  });

  it('may begin with a byte order mark, use another delimiter and quote cells over lines', async () => {
    const sink = await replay('\uFEFFa;b\n"x;""y""";1\n"two\nlines";2\n', { delimiter: ';' });
    expect(features(sink)).toEqual([
      { a: 'x;"y"', b: 1 },
      { a: 'two\nlines', b: 2 },
    ]);
  });

  it('is read under the names of the features, with the correlation id as the text that it is', async () => {
    const sink = await replay('Part,Speed [rpm],t\n007,9,2026-01-01 00:00:00\n,8,1767225600000\n', {
      columns: { speed: 'Speed [rpm]' },
      correlationColumn: 'Part',
      timeColumn: 't',
    });
    expect(sink.samples.map(({ correlationId, features }) => ({ correlationId, features }))).toEqual([
      { correlationId: '007', features: { speed: 9 } },
      { correlationId: null, features: { speed: 8 } },
    ]);
  });

  it('is tagged by its columns and by what is always so, a column being a feature too', async () => {
    const tagged = {
      tags: { shift: 'Shift', 'source-version': 'fw' },
      constantTags: { line: '2' },
    };
    const sink = await replay('a,Shift,fw\n1,early,1.2\n2,,1.2\n', tagged);
    expect(sink.samples.map(({ tags }) => tags)).toEqual([
      { line: '2', shift: 'early', 'source-version': '1.2' },
      { line: '2', 'source-version': '1.2' },
    ]);
    expect(features(sink)[0]).toEqual({ a: 1, Shift: 'early', fw: 1.2 });
    const rows = await replay('{"a":1,"Shift":3}\n{"a":2}\n', { ...tagged, format: 'ndjson' });
    expect(rows.samples.map(({ tags }) => tags)).toEqual([{ line: '2', shift: '3' }, { line: '2' }]);
    await expect(source('a\n1\n', tagged).start(new RecordingSink(), 0)).rejects.toMatchObject({
      code: 'SOURCE_COLUMN_MISSING',
      message: expect.stringContaining('"Shift", "fw"'),
    });
  });

  it('leaves text that is no plain number as text, for the validator to refuse', async () => {
    const sink = await replay('a\nNaN\nInfinity\n1,5\n0x10\n1e999\n1_000\n', { delimiter: ';' });
    expect(features(sink).map(({ a }) => a)).toEqual(['NaN', 'Infinity', '1,5', '0x10', '1e999', '1_000']);
  });

  it('refuses rows it cannot read, counts each under its code, and goes on', async () => {
    const sink = await replay('a,b,t\n1,2\n3,4,5,6\n7,"8"x,9\n10,11,noon\n12,13,14\n', { timeColumn: 't' });
    expect(codes(sink)).toEqual(Array(4).fill('SAMPLE_INVALID'));
    expect(sink.refusals.map(({ message }) => message)).toEqual([
      'rows: row 1 has 2 cells, the header has 3',
      'rows: row 2 has 4 cells, the header has 3',
      'rows: row 3 has a quote where none may be',
      'rows: row 4 has "noon" in "t", which is no time',
    ]);
    expect(features(sink)).toEqual([{ a: 12, b: 13 }]);
    expect(positions(sink)).toEqual([5]);
  });

  it('loses one line, not the rest of the file, to a quote that is never closed', async () => {
    const rows = Array.from({ length: 500 }, (_, i) => `${i},ok`).join('\n');
    const sink = await replay(`a,b\n"oops,ok\n${rows}\n`);
    expect(codes(sink)).toEqual(['SAMPLE_INVALID']);
    expect(positions(sink)).toEqual(Array.from({ length: 500 }, (_, i) => i + 2));
  });

  it('refuses a correlation id longer than the wire carries', async () => {
    const sink = await replay(`id\n${'x'.repeat(129)}\n${'x'.repeat(128)}\n`, { correlationColumn: 'id' });
    expect(codes(sink)).toEqual(['SAMPLE_INVALID']);
    expect(sink.samples).toHaveLength(1);
  });

  it.each([
    [
      'a column is missing',
      'a,b\n1,2\n',
      {},
      'SOURCE_COLUMN_MISSING',
      'no column "Torque [Nm]", "part"; it has "a", "b"',
    ],
    ['a column stands twice', 'a,a\n1,2\n', {}, 'SOURCE_FILE_UNREADABLE', 'twice'],
    ['the file is empty', '\n\n', {}, 'SOURCE_FILE_UNREADABLE', 'empty'],
    ['the path is a folder', '', { path: tmpdir() }, 'SOURCE_FILE_UNREADABLE', 'EISDIR'],
    ['there is no file', '', { path: '/nowhere/rows.csv' }, 'SOURCE_FILE_UNREADABLE', 'ENOENT'],
    ['the header never ends', 'x'.repeat(9999), {}, 'SOURCE_FILE_UNREADABLE', 'header'],
  ])('is refused at the start when %s', async (_what, content, change, code, words) => {
    const replayed = source(content, {
      columns: { torque_nm: 'Torque [Nm]' },
      correlationColumn: 'part',
      ...change,
    });
    await expect(replayed.start(new RecordingSink(), 0)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(words),
      hint: expect.any(String),
    });
  });

  it('points at the delimiter when that is what is wrong', async () => {
    const replayed = source('a;b\n1;2\n', { columns: { x: 'a' } });
    await expect(replayed.start(new RecordingSink(), 0)).rejects.toMatchObject({
      hint: expect.stringContaining('";"'),
    });
  });
});

describe('an NDJSON file', () => {
  it('becomes one sample a line, with the types that JSON has', async () => {
    const sink = await replay('\uFEFF{"a":1,"b":"12","c":null}\r\n\n{"a":1e999,"b":[1],"c":true}', ndjson);
    expect(features(sink)).toEqual([
      { a: 1, b: '12', c: null },
      { a: 'Infinity', b: '[1]', c: 'true' },
    ]);
  });

  it('refuses lines it cannot read, counts each under its code, and goes on', async () => {
    const sink = await replay('{"x":1\nNaN\n[1]\n5\n{"y":1}\n{"x":2}\n', { ...ndjson, columns: { a: 'x' } });
    expect(codes(sink)).toEqual([...Array(4).fill('SAMPLE_INVALID'), 'SOURCE_COLUMN_MISSING']);
    expect(features(sink)).toEqual([{ a: 2 }]);
    expect(positions(sink)).toEqual([6]);
  });
});

describe('a line of 10 MB', () => {
  it.each([
    ['csv', 'a,b\n1,2\n', '9,', '\n3,4\n'],
    ['csv', 'a,b\n1,2\n', '"', '"\n3,4\n'],
    ['ndjson', '{"a":1}\n', '{"a":"', '"}\n{"a":3}\n'],
  ] as const)(
    'is refused in %s and the rows around it are delivered',
    async (format, before, open, after) => {
      const row = `${open}${'x'.repeat(10 * 1024 * 1024)}`;
      const sink = await replay(before + row + after, { format, maxRowBytes: 1024 * 1024 });
      expect(sink.samples.map(({ features }) => features.a)).toEqual([1, 3]);
      expect(positions(sink)).toEqual([1, 3]);
      expect(codes(sink)).toEqual(['SOURCE_ROW_TOO_LONG']);
      expect(sink.refusals[0]?.message.length).toBeLessThan(200);
    },
  );

  it('takes bounded memory, also when the whole file is one line', async () => {
    const path = join(folder, 'endless');
    const file = openSync(path, 'w');
    writeSync(file, 'a\n1\n');
    const chunk = Buffer.alloc(8 * 1024 * 1024, 'x');
    for (let i = 0; i < 25; i++) writeSync(file, chunk);
    closeSync(file);
    const before = process.memoryUsage();
    let most = 0;
    const sampler = setInterval(() => {
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      most = Math.max(most, heapUsed + arrayBuffers - before.heapUsed - before.arrayBuffers);
    }, 1);
    const sink = await replay('', { path });
    clearInterval(sampler);
    expect(codes(sink)).toEqual(['SOURCE_ROW_TOO_LONG']);
    expect(most).toBeLessThan(100 * 1024 * 1024);
  });
});

describe('reading again', () => {
  const rows = 'a\n1\nbad,row\n3\n';

  it('counts positions over repeats, refused rows included, and stops at the wanted number', async () => {
    const sink = await replay(rows, { repeatToSamples: 8 });
    expect(positions(sink)).toEqual([1, 3, 4, 6, 7]);
    expect(codes(sink)).toHaveLength(3);
  });

  it.each(Array.from({ length: 12 }, (_, after) => after))(
    'goes on exactly after position %i, as if never stopped',
    async (after) => {
      const whole = await replay(rows, { repeatToSamples: 11 });
      const rest = await replay(rows, { repeatToSamples: 11 }, after);
      const expected = whole.samples.filter(({ position }) => (position ?? 0) > after);
      expect(rest.samples.map((s) => [s.position, s.features])).toEqual(
        expected.map((s) => [s.position, s.features]),
      );
      expect(rest.refusals).toEqual(
        whole.refusals.filter(({ message }) => Number(/row (\d+)/.exec(message)?.[1]) > after),
      );
    },
  );

  it('is done at once when everything was delivered before', async () => {
    expect((await replay(rows, {}, 3)).samples).toEqual([]);
  });

  it('says so when there is nothing to repeat', async () => {
    const replayed = source('a\n', { repeatToSamples: 5 });
    const sink = new RecordingSink();
    await replayed.start(sink, 0);
    await until(() => sink.refusals.length > 0);
    expect(sink.refusals[0]).toMatchObject({ code: 'SOURCE_FILE_UNREADABLE' });
    expect(replayed.done()).toBe(false);
  });
});

describe('the speed of a replay', () => {
  it('waits while the pipeline has no room', async () => {
    const sink = new RecordingSink(2);
    const replayed = source('a\n1\n2\n3\n4\n5\n');
    await replayed.start(sink, 0);
    await until(() => sink.samples.length === 2);
    sink.makeRoom(1);
    await until(() => sink.samples.length === 3);
    expect(replayed.done()).toBe(false);
    sink.makeRoom(9);
    await until(() => replayed.done());
    expect(positions(sink)).toEqual([1, 2, 3, 4, 5]);
    await replayed.stop();
  });

  it('can be stopped while it waits for room, and delivers nothing more', async () => {
    const sink = new RecordingSink(1);
    const replayed = source('a\n1\n2\n3\n');
    await replayed.start(sink, 0);
    await until(() => sink.samples.length === 1);
    await replayed.stop();
    sink.makeRoom(9);
    await new Promise(setImmediate);
    expect(sink.samples).toHaveLength(1);
    expect(sink.refusals).toEqual([]);
  });

  it('can be stopped in the middle of a day-long pause of the recording', async () => {
    const sink = new RecordingSink();
    const replayed = source('t,a\n2026-01-01,1\n2026-02-01,2\n', { speed: 'recorded', timeColumn: 't' });
    await replayed.start(sink, 0);
    await until(() => sink.samples.length === 1);
    await replayed.stop();
    expect(sink.samples).toHaveLength(1);
  });

  it('keeps the rhythm of the recording, scaled', async () => {
    const startUs = systemClock.monotonicUs();
    const rows = [0, 10, 20, 60].map((s) => `2026-01-01T00:00:${String(s % 60).padStart(2, '0')}Z,${s}`);
    rows[3] = '2026-01-01T00:01:00Z,60';
    await replay(`t,a\n${rows.join('\n')}\n`, { speed: 'scaled', scale: 600, timeColumn: 't' });
    expect(systemClock.monotonicUs() - startUs).toBeGreaterThanOrEqual(100_000);
  });
});
