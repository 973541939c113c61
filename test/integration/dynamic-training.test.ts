/**
 * From the field to the next version: predictions and labels at the server, out as a file, through a real training, back
 * as a package that the real engine runs and the server takes, once it was signed.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { MillingProcess, type Part } from '../../agent/sources/milling-process.ts';
import { AdminApi } from '../../cli/admin-api.ts';
import { proveModel } from '../../cli/mlflow/golden-samples.ts';
import { sha256Hex } from '../../protocol/keys.ts';
import { verifyPackage } from '../../protocol/package-verify.ts';
import { serverConfigSchema } from '../../sync-server/config/schema.ts';
import { type RunningServer, startServer } from '../../sync-server/main.ts';
import { openServerStore } from '../../sync-server/store/server-store.ts';
import { runAndon } from '../cli/run-andon.ts';
import { hashOf, readFiles } from '../support/packages.ts';
import { describeWithTraining, runTraining } from '../support/training.ts';
import { TestTeam } from '../support/trust.ts';
import { EPOCH, feedback, prediction } from '../sync-server/support.ts';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 });

const CHAMPION = fileURLToPath(new URL('../../models/milling-failure/1', import.meta.url));
const SLOT = 'machine-failure';
const PARTS = 3000;
/** Every tenth part: its features stayed on the device. */
const PRIVATE_EVERY = 10;

describeWithTraining('retraining with field data', () => {
  const folder = mkdtempSync(join(tmpdir(), 'andon-training-'));
  const team = new TestTeam().sign(readFiles(CHAMPION));
  const out = join(folder, 'models');
  let server: RunningServer;

  beforeAll(async () => {
    const dataDir = join(folder, 'server');
    team.prepareServer(dataDir);
    fillWithParts(dataDir);
    server = await startServer(
      serverConfigSchema.parse({
        dataDir,
        broker: { kind: 'embedded', port: 0 },
        http: { port: 0 },
        log: { level: 'fatal' },
      }),
    );
    await andon('publish', CHAMPION);
  });
  afterAll(async () => {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const andon = (...args: string[]) => runAndon('--server', server.url, ...args);
  const exportTo = async (name: string) => {
    const path = join(folder, name);
    const format = name.endsWith('.parquet') ? 'parquet' : 'csv';
    const ran = await andon('dataset', 'export', '--slot', SLOT, '--format', format, '--output', path);
    return { path, ...ran };
  };

  it('exports, retrains, compares and publishes a version whose parent is the champion', async () => {
    const { path, stdout } = await exportTo('field.parquet');
    expect(stdout).toMatch(/^Wrote 3,000 labelled samples of machine-failure \(.*failure \d+.*\)/);
    expect(stdout).toMatch(/300 of them have no features: the slot’s privacy policy/);
    const trained = await retrain(path, '--trials', '2', '--trees', '60', '--mixes', '6000');
    expect(trained).toMatchObject({ code: 0 });
    expect(trained.stdout).toMatch(/milling-failure: 2,700 labelled samples with features/);
    expect(trained.stdout).toMatch(/\| held-out field data \| 1,080 \| 0\.\d+ \| 0\.\d+ \|/);

    const next = join(out, 'milling-failure', '2');
    const files = readFiles(next);
    const { manifest } = verifyPackage(files);
    expect(manifest.lineage).toMatchObject({
      parent: hashOf(readFiles(CHAMPION)),
      dataSha256: sha256Hex(readFileSync(path)),
      script: 'models/training/retrain',
      seed: 1,
    });
    // The engine of a device gives the answers that the training wrote down.
    const golden = await proveModel(manifest, fileOf(files, 'model.onnx'), {
      file: fileOf(files, 'golden.json'),
    });
    expect(golden.samples.length).toBeGreaterThan(10);

    const api = new AdminApi(server.url);
    await api.publishTrust(team.sign(files).signedFiles());
    await api.publish(files);
    expect((await api.lineage('milling-failure', '2')).parents).toEqual([
      { manifestSha256: hashOf(readFiles(CHAMPION)), title: 'milling-failure 1' },
    ]);
  });

  it('writes nothing when there are too few labels, and says what is missing', async () => {
    const { path } = await exportTo('field.csv');
    const refused = await retrain(path, '--min-labels', '5000');
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toMatch(
      /too few labels: 2,700 with features .* 5,000 are needed.*300 more labels/,
    );
  });

  it('refuses a row that claims a truth which could never be seen', async () => {
    const path = join(folder, 'impossible.csv');
    const features =
      'type,air_temperature_k,process_temperature_k,rotational_speed_rpm,torque_nm,tool_wear_min';
    const columns = features.replace(/\w+/g, 'feature_$&');
    writeFileSync(
      path,
      `prediction_id,device,time,correlation_id,label,weight,propensity,${columns}\n` +
        '0-1,mill-1,2026-11-01T00:00:00Z,p1,ok,1,0,L,298,308,1500,40,10\n',
    );
    const refused = await retrain(path);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringMatching(/line 2 .*propensity 0/) });
  });

  it('refuses a file that is no export of the model', async () => {
    const refused = await retrain(join(CHAMPION, 'card.md'));
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringMatching(/has no column prediction_id/) });
  });

  const retrain = (path: string, ...args: string[]) =>
    runTraining('retrain', '--export', path, '--champion', CHAMPION, '--out', out, ...args);
});

function fileOf(files: ReadonlyMap<string, Buffer>, name: string): Buffer {
  return files.get(name) ?? Buffer.alloc(0);
}

/** Parts of the simulated process, each judged by the champion's name and labelled by what became of it. */
function fillWithParts(dataDir: string): void {
  const store = openServerStore(dataDir);
  const process = new MillingProcess(5);
  const parts = Array.from({ length: PARTS }, () => process.next());
  const model = hashOf(readFiles(CHAMPION));
  const predictions = parts.map((part, i) =>
    prediction(i + 1, { model, features: i % PRIVATE_EVERY === 0 ? null : rowOf(part) }),
  );
  const labels = parts.map(({ failures }, i) =>
    feedback(i + 1, i + 1, failures.length > 0 ? { label: 1, rule: 'machine-failed' } : { weight: 0.9 }),
  );
  store.transaction(() => {
    const epochId = store.cursors.epochId('mill-1', EPOCH);
    store.records.addPredictions(epochId, predictions);
    store.records.addFeedback(epochId, labels);
  });
  store.close();
}

function rowOf({ values }: Part): number[] {
  const { type, ...sensors } = values;
  return [
    ['L', 'M', 'H'].indexOf(type),
    sensors.air_temperature_k,
    sensors.process_temperature_k,
    sensors.rotational_speed_rpm,
    sensors.torque_nm,
    sensors.tool_wear_min,
  ];
}
