/** A model's way from a real MLflow through signing and rollout, and what comes back to its run. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest';
import { z } from 'zod';
import { type PulledModel, pullModel } from '../../cli/mlflow/pull-model.ts';
import { goldenSchema } from '../../protocol/manifest.ts';
import { verifyPackage } from '../../protocol/package-verify.ts';
import { parseServerConfig } from '../../sync-server/config/load.ts';
import { type RunningServer, startServer } from '../../sync-server/main.ts';
import { MlflowClient } from '../../sync-server/mlflow/mlflow-client.ts';
import type { RolloutView } from '../../sync-server/views/rollout.ts';
import { fleetOf, publishPackage } from '../support/admin-client.ts';
import { describeWithMlflow, type LoggedModels, MlflowServer } from '../support/mlflow/mlflow-server.ts';
import { hashOf } from '../support/packages.ts';
import { TestTeam } from '../support/trust.ts';
import { DeviceClient } from '../sync-server/device-client.ts';

// Real processes of two languages on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });
const SLOW = { timeout: 60_000, interval: 100 };

describeWithMlflow('with a real MLflow', () => {
  let mlflow: MlflowServer;
  let logged: LoggedModels;

  beforeAll(async () => {
    mlflow = await MlflowServer.start();
    logged = await mlflow.logModels();
  });
  afterAll(() => mlflow?.stop());

  const pull = (uri: string): Promise<PulledModel> =>
    pullModel({ client: new MlflowClient({ trackingUri: mlflow.url }), uri, facts: {} });

  it('pulls what an alias names, with signature, facts, profile and golden samples of the real engine', async () => {
    const { files, manifest, goldenFrom } = await pull('models:/tiny@champion');
    expect(verifyPackage(files).manifest).toEqual(manifest);
    expect(manifest).toMatchObject({
      name: 'tiny',
      version: 1,
      input: { kind: 'features', tensor: 'input', features: [{ name: 'a', unit: 'K' }, { name: 'b' }] },
      output: { tensor: 'probability', decision: { labels: ['ok', 'failure'], threshold: 0.5 } },
      metric: { name: 'f-beta', beta: 2, offline: 0.75, baseline: { name: 'a guess', value: 0.25 } },
      lineage: {
        seed: 7,
        mlflow: { trackingUri: mlflow.url, runId: logged.first.runId, modelName: 'tiny', modelVersion: 1 },
      },
    });
    expect(goldenFrom).toBe('here');
    const golden = goldenSchema.parse(JSON.parse(String(files.get('golden.json'))));
    expect(golden.samples.map(({ input }) => input)).toEqual([
      [1, 2],
      [3, 1],
    ]);
    expect(golden.samples[0]?.output[0]).toBeCloseTo(1 / (1 + Math.exp(1)), 5);
    expect(hashOf((await pull('models:/tiny/1')).files)).toBe(hashOf(files));
  });

  it('puts weights that MLflow wrote into files of their own back into the one that a device loads', async () => {
    const { files } = await pull('models:/tiny/2');
    expect([...files.keys()].sort()).toEqual(['baseline.json', 'golden.json', 'manifest.json', 'model.onnx']);
    expect(files.get('model.onnx')?.length).toBeGreaterThan(300 * 3 * 4);
    const golden = goldenSchema.parse(JSON.parse(String(files.get('golden.json'))));
    expect(golden.samples[1]?.output[0]).toBeCloseTo(1 / (1 + Math.exp(-4)), 4);
  });

  it('pulls the same model from its run, as a version of no registered model', async () => {
    const byRun = `runs:/${logged.first.runId}/model`;
    await expect(pull(byRun)).rejects.toThrow(/andon.name[\s\S]*andon.version/);
  });

  it('refuses what cannot run on a device, with the reason', async () => {
    const { incomplete, other } = logged;
    await expect(pull(`runs:/${other.runId}/python`)).rejects.toThrow(
      /no onnx flavor \(it has: python_function\)/,
    );
    await expect(pull(`runs:/${incomplete.runId}/unsigned`)).rejects.toThrow(/no signature/);
    await expect(pull(`runs:/${incomplete.runId}/nothing`)).rejects.toThrow(/no MLmodel file/);
    await expect(pull('models:/tiny/9')).rejects.toEqual(
      expect.objectContaining({ code: 'MLFLOW_NOT_FOUND' }),
    );
    await expect(pull('models:/tiny@nobody')).rejects.toThrow(/nobody not found/);
  });

  it('lists all that a model without facts of ours lacks, and nothing that the signature says', async () => {
    const error = await pull(`runs:/${logged.incomplete.runId}/columns`).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'MLFLOW_FACTS_MISSING' });
    expect(String(error)).toMatch(/labels[\s\S]*metric[\s\S]*baseline.json[\s\S]*golden samples/);
    expect(String(error)).not.toMatch(/andon.features/);
  });

  it('an alias that moves starts a rollout, and the run gets every decision once, also after MLflow was away', async () => {
    const [first, second] = [await pull('models:/tiny/1'), await pull('models:/tiny/2')];
    const team = new TestTeam().sign(first.files, second.files);
    const server = await startAndonServer(team, mlflow.url);
    await publishPackage(server.url, first.files);
    const device = new DeviceClient('mill-1', server.brokerUrl);
    await device.born();
    await device.report({
      slots: {
        surface: {
          champion: { manifestSha256: hashOf(first.files), title: 'tiny 1' },
          challenger: null,
          install: null,
        },
      },
    });
    const alias = async () => (await fleetOf(server.url)).mlflow?.aliases[0];
    await vi.waitFor(async () => expect((await alias())?.words).toMatch(/runs on every device/), SLOW);

    await mlflow.ask('POST', 'registered-models/alias', { name: 'tiny', alias: 'champion', version: '2' });
    await vi.waitFor(async () => expect((await alias())?.commands).toHaveLength(3), SLOW);
    expect((await fleetOf(server.url)).rollouts).toEqual([]);

    await publishPackage(server.url, second.files);
    await vi.waitFor(async () => expect((await fleetOf(server.url)).rollouts).toHaveLength(1), SLOW);
    const stages = () => history(mlflow, logged.second.runId, 'andon.rollout.stage');
    await vi.waitFor(async () => expect(await stages()).toHaveLength(1), SLOW);

    await mlflow.kill();
    const [rollout] = (await fleetOf(server.url)).rollouts;
    const aborted = await post<RolloutView>(`${server.url}/api/rollouts/${rollout?.id}/abort`);
    expect(aborted.state).toBe('aborted');
    await vi.waitFor(async () => {
      expect((await fleetOf(server.url)).mlflow).toMatchObject({ problem: expect.any(String) });
    }, SLOW);

    await mlflow.start();
    const decisions = aborted.decisions.length;
    await vi.waitFor(async () => expect(await stages()).toHaveLength(decisions), SLOW);
    await vi.waitFor(
      async () => expect((await fleetOf(server.url)).mlflow).toMatchObject({ waiting: 0 }),
      SLOW,
    );
    expect((await stages()).map(({ step }) => step)).toEqual(aborted.decisions.map((_, i) => i + 1));
    expect(await tags(mlflow)).toMatchObject({ 'andon.state': 'aborted', 'andon.slot': 'surface' });
    expect((await fleetOf(server.url)).rollouts).toHaveLength(1);
  });
});

async function startAndonServer(team: TestTeam, trackingUri: string): Promise<RunningServer> {
  const dataDir = mkdtempSync(join(tmpdir(), 'andon-mlflow-server-'));
  team.prepareServer(dataDir);
  const config = {
    dataDir,
    broker: { kind: 'embedded', port: 0 },
    http: { port: 0 },
    rollouts: { everyMs: 50 },
    log: { level: 'fatal' },
    mlflow: {
      trackingUri,
      pollS: 1,
      models: { tiny: { name: 'tiny', alias: 'champion', slot: 'surface', rollout: true } },
    },
  };
  const server = await startServer(parseServerConfig(config, dataDir));
  onTestFinished(async () => {
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });
  return server;
}

async function post<T>(url: string): Promise<T> {
  return (await fetch(url, { method: 'POST' })).json() as Promise<T>;
}

const metricHistory = z.object({
  metrics: z.array(z.object({ value: z.number(), step: z.coerce.number() })).default([]),
});

async function history(mlflow: MlflowServer, runId: string, key: string) {
  const answer = await mlflow.ask('GET', `metrics/get-history?run_id=${runId}&metric_key=${key}`);
  return metricHistory.parse(answer).metrics;
}

async function tags(mlflow: MlflowServer): Promise<Record<string, string>> {
  const answer = await mlflow.ask('GET', 'model-versions/get?name=tiny&version=2');
  const tag = z.object({ key: z.string(), value: z.string() });
  const { model_version } = z.object({ model_version: z.object({ tags: z.array(tag) }) }).parse(answer);
  return Object.fromEntries(model_version.tags.map(({ key, value }) => [key, value]));
}
