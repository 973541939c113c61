import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadDeviceConfig } from '../../../agent/config/load.ts';
import { CodedError } from '../../../protocol/errors.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'andon-config-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const minimal = {
  device: { id: 'mill-1' },
  sources: { line: { kind: 'simulated-line' } },
  slots: { milling: { source: 'line', model: 'models/milling-failure/1' } },
};

function write(content: unknown): string {
  const path = join(folder, 'device.config.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

function refusal(content: unknown): CodedError {
  try {
    loadDeviceConfig(write(content));
  } catch (error) {
    if (error instanceof CodedError) return error;
    throw error;
  }
  throw new Error('the config was accepted');
}

const problemsOf = (content: unknown) => refusal(content).message.split('\n  ').slice(1);

describe('loading device.config.json', () => {
  it('fills in what the smallest config leaves out', () => {
    const config = loadDeviceConfig(write(minimal));
    expect(config.sources.line).toMatchObject({ ratePerS: 10, station: 'mill-1' });
    expect(config.slots.milling?.batch.maxRows).toBe(256);
    expect(config.sync).toBeNull();
  });

  it('reads the example that ships with a byte order mark as well', () => {
    expect(loadDeviceConfig(write(`\uFEFF${JSON.stringify(minimal)}`)).device.id).toBe('mill-1');
  });

  it('counts relative paths from the folder of the file and leaves absolute ones', () => {
    const config = loadDeviceConfig(
      write({
        ...minimal,
        dataDir: 'data',
        sources: {
          line: { kind: 'file', path: '../rows.csv', format: 'csv' },
          other: { kind: 'file', path: '/rows.csv', format: 'csv' },
        },
        sync: { broker: 'mqtt://127.0.0.1', passwordFile: 'secret' },
        trust: { metadata: 'metadata' },
        alarms: {
          outputs: [{ kind: 'webhook', url: 'https://x.example/hook', secretFile: 'hook-secret' }],
        },
      }),
    );
    expect(config.dataDir).toBe(join(folder, 'data'));
    expect(config.sources.line).toMatchObject({ path: join(folder, '..', 'rows.csv') });
    expect(config.sources.other).toMatchObject({ path: '/rows.csv' });
    expect(config.slots.milling?.model).toBe(join(folder, 'models/milling-failure/1'));
    expect(config.sync?.passwordFile).toBe(join(folder, 'secret'));
    expect(config.trust).toEqual({ metadata: join(folder, 'metadata') });
    expect(config.alarms.outputs).toMatchObject([{ secretFile: join(folder, 'hook-secret') }]);
  });

  it('freezes the result all the way down', () => {
    const config = loadDeviceConfig(write(minimal));
    expect(() => Object.assign(config.device.labels, { site: 'x' })).toThrow(TypeError);
    expect(() => Object.assign(config.slots, { other: {} })).toThrow(TypeError);
  });

  it('lists every problem at once, each with its path, the wrong value and what is allowed', () => {
    const error = refusal({
      device: { id: 'Mill 1' },
      sources: {
        line: { kind: 'simulated-line', ratePerS: -1 },
        rows: { kind: 'file', path: 'a.csv', format: 'xlsx' },
        odd: { kind: 'simulated-lime' },
      },
      slots: { milling: { source: 'lime', model: 'm', privacy: 'feature' } },
      http: { port: 99_999, hots: 'x' },
    });
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.hint).toBeTruthy();
    expect(error.message.split('\n  ').slice(1).sort()).toEqual(
      [
        'device.id: "Mill 1" is refused; lower-case letters, digits and dashes, at most 63 characters',
        'sources.line.ratePerS: -1 is refused; more than 0',
        'sources.rows.format: "xlsx" is refused; allowed: "csv" or "ndjson"',
        'sources.odd.kind: "simulated-lime" is refused; did you mean "simulated-line"? Allowed: "simulated-line" or "file"',
        'slots.milling.privacy: "feature" is refused; did you mean "features"? Allowed: "outputs" or "sampled" or "features" or "none"',
        'http.port: 99999 is refused; at most 65535',
        'http.hots: unknown key; did you mean "host"?',
        'slots.milling.source: "lime" is not one of the sources; did you mean "line"?',
      ].sort(),
    );
  });

  it('says what is missing', () => {
    expect(problemsOf({ device: {}, sources: {} })).toEqual([
      'device.id: is missing; expected string',
      'slots: is missing; expected record',
    ]);
  });

  it.each([
    [[], '(the whole file): [] is refused; expected object'],
    ['null', '(the whole file): null is refused; expected object'],
    ['"text"', '(the whole file): "text" is refused; expected object'],
  ])('refuses %j as a config', (content, problem) => {
    expect(problemsOf(content)).toEqual([problem]);
  });

  it('suggests the key that was meant inside sources, slots and rules', () => {
    const rule = { name: 'r', when: 'event', event: 'machine-failed', label: 'failure', wieght: 1 };
    expect(
      problemsOf({
        ...minimal,
        sources: { line: { kind: 'file', path: 'a', format: 'csv', timeColum: 't' } },
        slots: { milling: { ...minimal.slots.milling, keepFeature: true, feedback: [rule] } },
        sotre: {},
      }),
    ).toEqual([
      'sources.line.timeColum: unknown key; did you mean "timeColumn"?',
      'slots.milling.feedback[0].wieght: unknown key; did you mean "weight"?',
      'slots.milling.keepFeature: unknown key; did you mean "keepFeatures"?',
      'sotre: unknown key; did you mean "store"?',
    ]);
  });

  it('names the known keys where nothing is close', () => {
    expect(problemsOf({ ...minimal, log: { destination: 'file' } })).toEqual([
      'log.destination: unknown key; known here: level',
    ]);
  });

  it('refuses what contradicts itself across places', () => {
    const rule = { name: 'failed', when: 'event', event: 'machine-failed', label: 'failure' };
    expect(
      problemsOf({
        ...minimal,
        sources: { rows: { kind: 'file', path: 'a.csv', format: 'csv', speed: 'recorded' } },
        slots: {
          milling: { source: 'press', model: 'm', privacy: 'features', feedback: [rule, rule] },
        },
      }),
    ).toEqual([
      'sources.rows.timeColumn: is missing; speed "recorded" needs the column that holds the time',
      'slots.milling.source: "press" is not one of the sources; sources are: rows',
      'slots.milling.keepFeatures: must be true, because privacy "features" sends what is kept',
      'slots.milling.feedback[1].name: "failed" is the name of an earlier rule; give each its own',
    ]);
  });

  it('leaves nothing to chance in a safety slot, and wants to know where and when events without a part count', () => {
    const event = { when: 'event', event: 'reject-gate-fired', label: 'failure' };
    const answer = { when: 'answer', weight: 0.9 };
    expect(
      problemsOf({
        ...minimal,
        sources: {
          line: { kind: 'simulated-line', constantTags: { Line: '1', a: '', b: '', c: '1', d: '1', e: '1' } },
        },
        slots: {
          milling: {
            ...minimal.slots.milling,
            safety: true,
            exploration: { share: 0.05, labels: ['failure'] },
            feedback: [
              { ...event, name: 'a', at: { station: 'gate-2' } },
              { ...event, name: 'b', afterMs: 5000, withinMs: 4000 },
              { ...event, name: 'c', precedence: 1000 },
              { ...answer, name: 'd' },
              { ...answer, name: 'e' },
            ],
          },
        },
      }),
    ).toMatchInlineSnapshot(`
      [
        "sources.line.constantTags.Line: "1" is refused; this name: at most 32 lower-case letters, digits and dashes, a letter first",
        "sources.line.constantTags.a: "" is refused; at least 1 characters",
        "sources.line.constantTags.b: "" is refused; at least 1 characters",
        "slots.milling.feedback[0].withinMs: is missing; needed beside "at", a day at most: how long before the event the part was judged",
        "slots.milling.feedback[1].withinMs: 4000 is refused; must be more than afterMs",
        "slots.milling.feedback[2].precedence: 1000 is refused; at most 999",
        "slots.milling.exploration: must be left out, because "safety" is true: nothing there is left to chance",
        "slots.milling.feedback[4].when: "answer" stands in an earlier rule; operators are trusted alike",
      ]
    `);
  });

  it('refuses more tags than a prediction carries', () => {
    const constantTags = Object.fromEntries(['a', 'b', 'c', 'd', 'e'].map((key) => [key, '1']));
    const sources = { line: { kind: 'simulated-line', constantTags } };
    expect(problemsOf({ ...minimal, sources })).toEqual([
      expect.stringMatching(/^sources\.line\.constantTags: .*; at most 8 tags, constant ones included$/),
    ]);
  });

  it('refuses a password in the broker address and never repeats it', () => {
    const wrong = refusal({ ...minimal, sync: { broker: 'mqtt://me:hunter2@broker' } });
    expect(wrong.message).toContain('sync.passwordFile');
    const both = refusal({ ...minimal, sync: { broker: 'http://me:hunter2@broker' } });
    expect(both.message).toContain('sync.broker');
    expect(`${wrong.message} ${both.message}`).not.toContain('hunter2');
  });

  it('refuses a login in the address of an alarm output and never repeats it', () => {
    const outputs = [
      { kind: 'webhook', url: 'https://me:s3cret@hooks.example/alarms' },
      { kind: 'mqtt', broker: 'mqtt://me:s3cret@cell', topic: 'cell/#' },
    ];
    const error = refusal({ ...minimal, alarms: { outputs } });
    expect(error.message).toContain('alarms.outputs[0].url: holds a login');
    expect(error.message).toContain('alarms.outputs[1].broker: holds a login');
    expect(error.message).toContain('a topic without wildcards');
    expect(error.message).not.toContain('s3cret');
  });

  it('wants a certificate and its key together, and only where there is TLS', () => {
    const tower = { kind: 'mqtt', topic: 'cell/andon' };
    const outputs = [
      { ...tower, broker: 'mqtts://cell', certFile: 'a.pem' },
      { ...tower, broker: 'mqtts://cell', keyFile: 'a-key.pem' },
      { ...tower, broker: 'mqtt://cell', certFile: 'a.pem', keyFile: 'a-key.pem' },
      { ...tower, broker: 'ws://cell', caFile: 'ca.pem' },
    ];
    expect(problemsOf({ ...minimal, alarms: { outputs } })).toEqual([
      'alarms.outputs[0].keyFile: is missing; certFile needs its key',
      'alarms.outputs[1].certFile: is missing; keyFile needs its certificate',
      'alarms.outputs[2].broker: must be mqtts:// or wss://, because certificates are for TLS',
      'alarms.outputs[3].broker: must be mqtts:// or wss://, because certificates are for TLS',
    ]);
  });

  it('shortens a long wrong value', () => {
    const [problem] = problemsOf({ ...minimal, http: { port: 'x'.repeat(5000) } });
    expect(problem?.length).toBeLessThan(100);
  });

  it.each([
    ['{"device": {"id": "a"},\n  "dataDir": "x",\n}', 3, 1],
    ['{"device": tru}', 1, 12],
    ["{\n  'device': 1}", 2, 3],
    ['{"a": 1 // why\n}', 1, 9],
    ['{"a": [1, 2', 1, 12],
    ['', 1, 1],
  ])('names line and column of broken JSON: %j', (text, line, column) => {
    const error = refusal(text);
    expect(error.code).toBe('CONFIG_UNREADABLE');
    expect(error.message).toContain(`line ${line}, column ${column}`);
  });

  it('says which file it could not read', () => {
    const path = join(folder, 'nowhere.json');
    expect(() => loadDeviceConfig(path)).toThrow(
      expect.objectContaining({ code: 'CONFIG_UNREADABLE', message: expect.stringContaining(path) }),
    );
  });
});
