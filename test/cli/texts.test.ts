import { describe, expect, it } from 'vitest';
import { deadLetterText } from '../../cli/commands/dead-letters.ts';
import { devicesText } from '../../cli/commands/fleet.ts';
import { metricsText } from '../../cli/commands/metrics.ts';
import { lastWords } from '../../cli/demo/last-words.ts';
import { modelsText } from '../../cli/model-text.ts';
import { rolloutsText, rolloutText } from '../../cli/rollout-text.ts';
import { plain } from '../../cli/shared-options.ts';
import { age, table } from '../../cli/table.ts';
import type { RolloutView } from '../../sync-server/views/rollout.ts';
import type { SlotMetricsView } from '../../sync-server/views/slot-metrics.ts';

const rollout: RolloutView = {
  id: 'a1b2c3d4',
  slot: 'machine-failure',
  from: 'milling-failure 1',
  to: 'milling-failure 2',
  state: 'holding',
  stage: 0,
  stages: [
    { devices: 0.05, traffic: 0.05 },
    { devices: 1, traffic: 1 },
  ],
  plan: { alpha: 0.05, margin: 0.02, minPairs: 100, maxFailedShare: 0.02, windows: [] },
  curve: [],
  drifting: [],
  reason: 'Too few labels.',
  startedAtMs: 0,
  updatedAtMs: 0,
  evidence: {
    pairs: 12,
    challengerBetter: 3,
    championBetter: 0.25,
    championMetric: 0.5,
    challengerMetric: null,
    metricName: 'f-beta',
    difference: null,
    needed: null,
    perDay: null,
  },
  devices: ['mill-1'],
  decisions: [{ timeMs: 0, state: 'advancing', stage: 0, reason: 'Just begun.' }],
};

describe('tables', () => {
  it('aligns columns by characters and leaves no trailing spaces', () => {
    expect(
      table(
        ['A', 'B'],
        [
          ['wörd', 'x'],
          ['', 'yy'],
        ],
      ),
    ).toBe('A     B\nwörd  x\n      yy');
  });

  it.each([
    [0, '0 s'],
    [-5, '0 s'],
    [99_000, '99 s'],
    [150_000, '3 min'],
    [7_200_000, '2 h'],
    [400_000_000, '5 d'],
  ])('tells %i ms as %s', (ms, words) => {
    expect(age(ms)).toBe(words);
  });
});

describe('what comes from elsewhere', () => {
  it('cannot steer the terminal', () => {
    expect(plain('mill-1\u001b[2J\u009b\r\tfine\nnext')).toBe(
      'mill-1\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}fine\nnext',
    );
  });
});

describe('what commands print', () => {
  it('shows a rollout with its stage, evidence and decisions', () => {
    const text = rolloutText(rollout);
    expect(text).toMatch(/holding, stage 1 of 2 \(5% of the devices, 5% of their samples\)/);
    expect(text).toMatch(/12 labelled pairs; .* old 3\.0, new 0\.3/);
    expect(text).toMatch(/old 0\.500, new unknown/);
    expect(text).toMatch(/00:00:00 {2}advancing, stage 1: Just begun\./);
  });

  it('says how far apart the models are, how many labels are missing and how long they will take', () => {
    const evidence = {
      ...rollout.evidence,
      difference: { mean: 0.012, low: -0.034, high: 0.058 },
      needed: 400,
      perDay: 20,
    };
    const text = rolloutText({
      ...rollout,
      evidence,
      drifting: [{ device: 'mill-1', feature: 'torque_nm' }],
    });
    expect(text).toMatch(/\+1\.2 misses saved in 100 \(-3\.4 to \+5\.8\); above -2\.0 it may go on/);
    expect(text).toMatch(/about 400 more labelled pairs, at this pace in 20 days/);
    expect(text).toMatch(/torque_nm on mill-1: held against neither model/);
  });

  it('says what to do next where there is nothing yet', () => {
    expect(devicesText({ devices: [], nowMs: 0 })).toMatch(/andon agent/);
    expect(modelsText([])).toMatch(/andon publish/);
    expect(rolloutsText([])).toMatch(/andon rollout start/);
  });

  it('shows what a device really runs, with the hash and the backlog', () => {
    const champion = { manifestSha256: 'ab'.repeat(32), title: 'milling-failure 1' };
    const challenger = { manifestSha256: 'cd'.repeat(32), title: 'milling-failure 2', share: 0.05 };
    const text = devicesText({
      nowMs: 5000,
      devices: [
        {
          id: 'mill-1',
          labels: { line: 'milling' },
          online: true,
          lastSeenMs: 2000,
          agentVersion: '0.1.0',
          statusUrl: null,
          storeEpoch: '00'.repeat(8),
          received: { predictions: 1, feedback: 0, metrics: 0, events: 0 },
          dropped: 0,
          reported: {
            v: 1,
            device: 'mill-1',
            timeMs: 0,
            generation: 1,
            slots: { 'machine-failure': { champion, challenger, install: null } },
            backlog: { predictions: 1200, feedback: 34, metrics: 0, events: 0 },
            alarms: [
              {
                id: 'a',
                code: 'hot',
                slot: null,
                severity: 'warning',
                text: 'It is 91 °C hot.',
                next: 'Check its fan.',
                sinceMs: 0,
              },
            ],
          },
          generation: 1,
        },
      ],
    });
    expect(text).toContain('WARNING mill-1: It is 91 °C hot. Check its fan.');
    expect(text.split('\n')[1]).toBe(
      'mill-1  online  3 s ago  machine-failure  milling-failure 1 + milling-failure 2 on 5%  abababababab  1,234    line=milling',
    );
  });
});

describe('the last words of a part that died', () => {
  it('reads the messages out of JSON lines and keeps plain ones', () => {
    const log = '{"level":30,"msg":"hello"}\n\nError: boom\n';
    expect(lastWords(log)).toEqual({ lines: ['hello', 'Error: boom'], hint: undefined });
  });

  it.each([
    ['{"msg":"x","code":"STORE_FULL"}', /disk is full/],
    ['Error: listen EADDRINUSE: address already in use', /took its port/],
    ['{"msg":"x","code":"STORE_LOCKED"}', /Another demo/],
  ])('knows what %s means', (line, meaning) => {
    expect(lastWords(line).hint).toMatch(meaning);
  });
});

describe('the text of andon metrics', () => {
  const estimate = { value: 0.8, low: 0.7, high: 0.88, labels: 120, effectiveLabels: 120 };
  const view: SlotMetricsView = {
    slot: 'machine-failure',
    fromMs: 0,
    untilMs: 60_000,
    spanMs: 60_000,
    versions: [
      {
        title: 'milling-failure 2',
        manifestSha256: 'b'.repeat(64),
        firstMs: 0,
        name: 'f-beta',
        offline: 0.84,
        baseline: { name: 'always-ok', value: 0.62 },
        labels: 120,
        naive: { ...estimate, value: 0.5, low: 0.4, high: 0.6 },
        corrected: estimate,
        curve: [],
        slices: [
          { key: 'shift', value: 'late', estimate, gap: -0.2, gapLow: -0.3, gapHigh: -0.1, call: 'worse' },
          { key: 'shift', value: 'early', estimate, gap: 0.2, gapLow: 0.1, gapHigh: 0.3, call: 'none' },
        ],
      },
    ],
  };

  it('sets the number with its interval beside what was promised, and says what slices do worse', () => {
    const text = metricsText(view);
    expect(text).toContain(
      'milling-failure 2  0.800   0.700 .. 0.880  120     0.500  0.840     0.620 always-ok',
    );
    expect(text).toContain('milling-failure 2: Better than always-ok. Its promise of 0.840 is within reach.');
    expect(text).toMatch(/shift +late +0\.800 +0\.700 \.\. 0\.880 +120 +WORSE: 0\.200 less than the rest/);
    expect(text).toContain('let two of them answer on the same parts');
  });

  it('says so when no model has decided there', () => {
    expect(metricsText({ ...view, versions: [] })).toBe(
      'No published model has decided in machine-failure yet.',
    );
  });
});

describe('a dead letter', () => {
  const letter = {
    id: 1,
    device: 'mill-1',
    topic: 'andon/v1/mill-1/birth',
    code: 'PAYLOAD_MALFORMED',
    reason: 'birth is not JSON',
    sizeBytes: 5,
    times: 3,
    firstMs: 0,
    lastMs: 60_000,
    headBase64: Buffer.from('hello').toString('base64'),
  };

  it('says why, how often, and what it said', () => {
    expect(deadLetterText(letter, 180_000)).toBe(
      [
        'PAYLOAD_MALFORMED: birth is not JSON',
        'Topic andon/v1/mill-1/birth',
        'Came 3 times, last 2 min ago, first 1970-01-01T00:00:00.000Z',
        '5 bytes',
        '',
        'hello',
      ].join('\n'),
    );
  });

  it('shows bytes that are no text as bytes', () => {
    const headBase64 = Buffer.from([0xa7, 1, 0x41]).toString('base64');
    const text = deadLetterText({ ...letter, sizeBytes: 5000, headBase64 }, 0);
    expect(text).toContain('5000 bytes, of which the first 3 are kept');
    expect(text.split('\n').at(-1)).toMatch(/^0000 {2}a7 01 41 +\.\.A$/);
  });
});
