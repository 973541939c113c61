import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { encodeBatch } from '../../../protocol/batch.ts';
import { MlflowClient } from '../../../sync-server/mlflow/mlflow-client.ts';
import { RunReporter } from '../../../sync-server/mlflow/run-reporter.ts';
import type { Rollout, RolloutDecision } from '../../../sync-server/rollouts/rollout.ts';
import type { ServerStore } from '../../../sync-server/store/server-store.ts';
import { type Call, FakeMlflow, type Route, refuse } from '../../support/mlflow/fake-mlflow.ts';
import {
  EPOCH,
  feedback,
  ingestOver,
  modelRef,
  PLAN,
  prediction,
  silentLog,
  temporaryFolder,
  temporaryStore,
} from '../support.ts';
import { addPulled, RUN } from './pulled-models.ts';

const BATCH = '/mlflow/runs/log-batch';
const TAG = '/mlflow/model-versions/set-tag';
const DAY_MS = 86_400_000;
const signal = new AbortController().signal;

async function setUp(routes: Record<string, Route> = {}, store = temporaryStore()) {
  const fake = await FakeMlflow.start({ [BATCH]: () => ({}), [TAG]: () => ({}), ...routes });
  const { clock, counters, ...ingest } = ingestOver(store);
  const client = new MlflowClient({ trackingUri: fake.url });
  const reporter = new RunReporter({ store, client, clock, counters, log: silentLog });
  const batches = () => fake.calls.filter(({ path }) => path === BATCH).map(({ body }) => body);
  return { fake, store, clock, counters, ingest, reporter, batches };
}

const EVIDENCE = {
  pairs: 40,
  challengerBetter: 9,
  championBetter: 3,
  championMetric: null,
  challengerMetric: 0.9,
  metricName: 'accuracy',
  difference: null,
  needed: null,
  perDay: null,
};

function addRollout(
  store: ServerStore,
  manifestSha256: string,
  decisions: readonly RolloutDecision['state'][],
): void {
  const to = modelRef(2, manifestSha256);
  store.rollouts.save({ ...ROLLOUT, to });
  for (const [i, state] of decisions.entries()) {
    store.rollouts.appendDecision('r1', {
      timeMs: 1000 + i,
      state,
      stage: 0,
      reason: `because ${i}`,
      evidence: EVIDENCE,
    });
  }
}

const ROLLOUT: Omit<Rollout, 'to'> = {
  id: 'r1',
  slot: 'surface',
  toTitle: 'tiny 2',
  fromTitle: 'tiny 1',
  labels: {},
  stages: [{ devices: 1, traffic: 1 }],
  plan: PLAN,
  approvedStage: 0,
  curve: [],
  drifting: [],
  state: 'advancing',
  stage: 0,
  reason: '',
  startedAtMs: 0,
  stageStartedAtMs: 0,
  updatedAtMs: 0,
  members: {},
  evidence: EVIDENCE,
  settled: true,
};

describe('a rollout’s decisions', () => {
  it('go to the run of the new model as finite metrics by number, with the state as tags of run and version', async () => {
    const { store, reporter, batches, fake } = await setUp();
    addRollout(store, addPulled(store, 2), ['advancing', 'rolled-back']);
    await reporter.gather();
    await reporter.deliver(signal);
    expect(batches()).toHaveLength(2);
    const at = { timestamp: 1001, step: 2 };
    expect(batches()[1]).toEqual({
      run_id: RUN,
      metrics: [
        { key: 'andon.rollout.stage', value: 1, ...at },
        { key: 'andon.rollout.pairs', value: 40, ...at },
        { key: 'andon.rollout.challenger-better', value: 9, ...at },
        { key: 'andon.rollout.champion-better', value: 3, ...at },
        { key: 'andon.rollout.accuracy', value: 0.9, ...at },
      ],
      tags: [
        { key: 'andon.rollout', value: 'r1' },
        { key: 'andon.slot', value: 'surface' },
        { key: 'andon.state', value: 'rolled-back' },
        { key: 'andon.stage', value: '1' },
        { key: 'andon.reason', value: 'because 1' },
      ],
    });
    expect(fake.calls.at(-4)?.body).toEqual({
      name: 'tiny',
      version: '2',
      key: 'andon.slot',
      value: 'surface',
    });
  });

  it('of a model that did not come from MLflow go nowhere', async () => {
    const { store, reporter, fake } = await setUp();
    addRollout(store, 'f'.repeat(64), ['advancing']);
    await reporter.gather();
    await reporter.deliver(signal);
    expect(fake.calls).toEqual([]);
    expect(store.mlflow.waitingCount).toBe(0);
  });
});

describe('while MLflow is away', () => {
  const away: Route = (_call: Call, response: ServerResponse) => void response.destroy();

  it('reports wait on disk over restarts, and arrive as many as there were, in order', async () => {
    const folder = temporaryFolder();
    const first = await setUp({ [BATCH]: away }, temporaryStore(folder));
    addRollout(first.store, addPulled(first.store, 2), ['advancing', 'holding']);
    await first.reporter.gather();
    await expect(first.reporter.deliver(signal)).rejects.toEqual(
      expect.objectContaining({ code: 'MLFLOW_UNREACHABLE' }),
    );
    expect(first.store.mlflow.waitingCount).toBe(2);
    first.store.close();
    const { store, reporter, batches } = await setUp({}, temporaryStore(folder));
    store.rollouts.appendDecision('r1', { timeMs: 2000, state: 'done', stage: 0, reason: 'all' });
    await reporter.gather();
    await reporter.gather();
    await reporter.deliver(signal);
    await reporter.deliver(signal);
    expect(batches().map(({ tags }) => tagOf(tags, 'andon.state'))).toEqual(['advancing', 'holding', 'done']);
    expect(store.mlflow.waitingCount).toBe(0);
  });

  it('a report whose answer was lost comes again byte for byte, so that MLflow keeps it once', async () => {
    let lost = 0;
    const loseOnce: Route = (_call, response) => {
      if (lost++ > 0) return {};
      response.destroy();
      return undefined;
    };
    const { store, reporter, batches } = await setUp({ [BATCH]: loseOnce });
    addRollout(store, addPulled(store, 2), ['advancing']);
    await reporter.gather();
    await expect(reporter.deliver(signal)).rejects.toThrow();
    await reporter.deliver(signal);
    expect(batches()).toHaveLength(2);
    expect(batches()[1]).toEqual(batches()[0]);
  });

  it.each([401, 403, 429, 500, 503])('a status of %i loses nothing', async (status) => {
    const { store, reporter } = await setUp({
      [BATCH]: (_call, response) => void response.writeHead(status).end(),
    });
    addRollout(store, addPulled(store, 2), ['advancing']);
    await reporter.gather();
    await expect(reporter.deliver(signal)).rejects.toThrow();
    expect(store.mlflow.waitingCount).toBe(1);
  });

  it('a run that was deleted for good holds up none of the others, and is counted', async () => {
    const gone: Route = ({ body }, response) =>
      body.run_id === RUN ? refuse(response, 404, 'RESOURCE_DOES_NOT_EXIST') : {};
    const { store, reporter, batches, counters } = await setUp({ [BATCH]: gone });
    addRollout(store, addPulled(store, 2), ['advancing']);
    await reporter.gather();
    await reporter.deliver(signal);
    expect(batches()).toHaveLength(1);
    expect(store.mlflow.waitingCount).toBe(0);
    expect(counters.snapshot()).toMatchObject({ 'mlflow.MLFLOW_NOT_FOUND': 1 });
  });
});

describe('a day of serving', () => {
  it('is told once, when the next day is over, with every decided sample that came on it', async () => {
    const { store, clock, ingest, reporter, batches } = await setUp();
    const model = addPulled(store, 2);
    const day = Math.floor(clock.nowMs / DAY_MS);
    const samples = (from: number, to: number) =>
      Array.from({ length: to - from + 1 }, (_, i) =>
        prediction(from + i, { model, label: 1, role: i % 2 === 0 ? 'champion' : 'canary' }),
      );
    ingest.send('mill-1', 'predictions', encodeBatch('predictions', EPOCH, samples(1, 10), 0));
    clock.nowMs += DAY_MS;
    ingest.send('mill-1', 'predictions', encodeBatch('predictions', EPOCH, samples(11, 15), 0));
    const labels = [1, 2, 3, 4].map((seq) => feedback(seq, seq, { label: seq === 4 ? 0 : 1 }));
    ingest.send('mill-1', 'feedback', encodeBatch('feedback', EPOCH, labels, 0));
    await reporter.gather();
    await reporter.deliver(signal);
    expect(batches()).toEqual([]);
    clock.nowMs += DAY_MS;
    await reporter.gather();
    await reporter.deliver(signal);
    const at = { timestamp: (day + 1) * DAY_MS - 1, step: day };
    expect(batches()).toEqual([
      {
        run_id: RUN,
        metrics: [
          { key: 'andon.daily.predictions', value: 10, ...at },
          { key: 'andon.daily.labelled', value: 4, ...at },
          { key: 'andon.daily.accuracy', value: 0.75, ...at },
        ],
        tags: [],
      },
    ]);
    clock.nowMs += DAY_MS;
    await reporter.gather();
    await reporter.deliver(signal);
    expect(batches()).toHaveLength(2);
    expect(batches()[1]?.metrics).toMatchObject([{ value: 5 }, { value: 0 }]);
  });
});

function tagOf(tags: unknown, wanted: string): string | undefined {
  return (tags as { key: string; value: string }[]).find(({ key }) => key === wanted)?.value;
}
