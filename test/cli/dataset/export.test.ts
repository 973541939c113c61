import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { describe, expect, it, onTestFinished } from 'vitest';
import { exportDataset } from '../../../cli/dataset/export.ts';
import type { DatasetSampleView, DatasetView } from '../../../sync-server/views/dataset.ts';

const TINY = {
  manifestSha256: 'a'.repeat(64),
  name: 'tiny',
  version: 2,
  labels: ['ok', 'failure'],
  features: [
    { name: 'temperature', unit: 'K', categories: null },
    { name: 'quality', unit: '', categories: ['L', 'M', 'H'] },
  ],
};
/** Its features stand in another order, and it has one of its own. */
const OLDER = {
  ...TINY,
  manifestSha256: 'b'.repeat(64),
  version: 1,
  features: [
    { name: 'quality', unit: '', categories: ['M', 'L'] },
    { name: 'humidity', unit: '%', categories: null },
  ],
};
const VIEW: DatasetView = { slot: 'mill', models: [OLDER, TINY], tagKeys: ['shift'] };

function sample(seq: number, over: Partial<DatasetSampleView> = {}): DatasetSampleView {
  return {
    id: `0123abcd-${seq}`,
    device: 'mill-1',
    storeEpoch: '00112233aabbccdd',
    seq,
    timeMs: 1_700_000_000_000,
    model: TINY.manifestSha256,
    role: 'champion',
    correlationId: `part "${seq}", left`,
    said: 0,
    score: Math.fround(0.1),
    health: 0,
    features: [Math.fround(298.7), 2],
    label: 1,
    weight: 0.9,
    kind: 'implicit',
    rule: 'machine-failed',
    evidence: 'machine-failed after 3 s',
    labelledMs: 1_700_000_003_000,
    precedence: 10,
    tags: { shift: 'night' },
    propensity: 0.05,
    keptShare: 0.5,
    explored: true,
    ...over,
  };
}

function outputPath(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'andon-dataset-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, name);
}

/** Pages as a server would give them. */
const pagesOf =
  (...pages: DatasetSampleView[][]) =>
  async (after: string | null) => {
    const at = after === null ? 0 : Number(after);
    return {
      samples: pages[at] ?? [],
      withoutPrediction: 1,
      next: at + 1 < pages.length ? String(at + 1) : null,
    };
  };

const options = (path: string, over: object = {}) => ({
  format: 'csv' as const,
  path,
  replace: false,
  onPage: () => undefined,
  ...over,
});

describe('an exported dataset', () => {
  it('is CSV with names and meanings, and its sha256 is that of the file', async () => {
    const path = outputPath('field.csv');
    const exported = await exportDataset(VIEW, pagesOf([sample(1)]), options(path));
    expect(parse(readFileSync(path), { columns: true })).toEqual([
      {
        prediction_id: '0123abcd-1',
        device: 'mill-1',
        store_epoch: '00112233aabbccdd',
        seq: '1',
        time: '2023-11-14T22:13:20.000Z',
        correlation_id: 'part "1", left',
        model: 'tiny@2',
        model_sha256: TINY.manifestSha256,
        role: 'champion',
        said: 'ok',
        score: '0.1',
        health: '0',
        label: 'failure',
        weight: '0.9',
        kind: 'implicit',
        rule: 'machine-failed',
        evidence: 'machine-failed after 3 s',
        precedence: '10',
        labelled_at: '2023-11-14T22:13:23.000Z',
        propensity: '0.05',
        kept_share: '0.5',
        explored: 'true',
        tag_shift: 'night',
        feature_quality: 'H',
        feature_humidity: '',
        feature_temperature: '298.7',
      },
    ]);
    expect(exported.sha256).toBe(createHash('sha256').update(readFileSync(path)).digest('hex'));
  });

  it('is the same rows as Parquet, over many row groups', async () => {
    const path = outputPath('field.parquet');
    const many = Array.from({ length: 30_000 }, (_, i) => sample(i + 1, i % 2 ? { features: null } : {}));
    await exportDataset(
      VIEW,
      pagesOf(many.slice(0, 11_000), many.slice(11_000, 22_000), many.slice(22_000)),
      options(path, { format: 'parquet' }),
    );
    const rows = await parquetReadObjects({ file: await asyncBufferFromFile(path) });
    expect(rows).toHaveLength(30_000);
    expect(rows[29_998]).toMatchObject({
      prediction_id: '0123abcd-29999',
      seq: 29_999n,
      time: new Date(1_700_000_000_000),
      label: 'failure',
      propensity: 0.05,
      explored: true,
      tag_shift: 'night',
      feature_quality: 'H',
      feature_humidity: null,
      feature_temperature: Math.fround(298.7),
    });
    expect(rows[29_999]).toMatchObject({ feature_quality: null, feature_temperature: null });
  });

  it('gives each feature its own column whichever model had it where', async () => {
    const path = outputPath('field.csv');
    const older = sample(2, { model: OLDER.manifestSha256, features: [1, 40] });
    await exportDataset(VIEW, pagesOf([sample(1), older]), options(path));
    const rows: Record<string, string>[] = parse(readFileSync(path), { columns: true });
    expect(rows.map((row) => [row.feature_quality, row.feature_humidity, row.feature_temperature])).toEqual([
      ['H', '', '298.7'],
      ['L', '40', ''],
    ]);
  });

  it('counts what has no features, and leaves out what nobody can read', async () => {
    const path = outputPath('field.csv');
    const pages = pagesOf(
      [sample(1), sample(2, { features: null, label: 0 })],
      [sample(3, { model: 'e'.repeat(64) })],
    );
    const seen: number[] = [];
    const exported = await exportDataset(VIEW, pages, options(path, { onPage: (n: number) => seen.push(n) }));
    expect(exported).toMatchObject({
      samples: 2,
      withoutFeatures: 1,
      withoutPrediction: 2,
      unknownModels: { ['e'.repeat(64)]: 1 },
      labels: { ok: 1, failure: 1 },
    });
    expect(seen).toEqual([2, 2]);
  });

  it('leaves no file when nothing has a label, or when the server goes away', async () => {
    const path = outputPath('field.csv');
    await expect(exportDataset(VIEW, pagesOf([]), options(path))).rejects.toMatchObject({
      code: 'DATASET_EMPTY',
    });
    const gone = async (after: string | null) => {
      if (after !== null) throw new Error('gone');
      return { samples: [sample(1)], withoutPrediction: 0, next: '1' };
    };
    await expect(exportDataset(VIEW, gone, options(path))).rejects.toThrow('gone');
    expect(readdirSync(join(path, '..'))).toEqual([]);
  });

  it('does not write over a file unless told to', async () => {
    const path = outputPath('field.csv');
    writeFileSync(path, 'precious');
    await expect(exportDataset(VIEW, pagesOf([sample(1)]), options(path))).rejects.toMatchObject({
      code: 'OUTPUT_EXISTS',
    });
    expect(readFileSync(path, 'utf8')).toBe('precious');
    await exportDataset(VIEW, pagesOf([sample(1)]), options(path, { replace: true }));
    expect(readFileSync(path, 'utf8')).toContain('0123abcd-1');
    expect(existsSync(`${path}.partial`)).toBe(false);
  });
});
