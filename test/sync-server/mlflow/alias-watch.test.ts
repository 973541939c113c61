import { describe, expect, it } from 'vitest';
import { serverError } from '../../../sync-server/errors.ts';
import { AliasWatch, type WatchedAlias } from '../../../sync-server/mlflow/alias-watch.ts';
import { MlflowClient } from '../../../sync-server/mlflow/mlflow-client.ts';
import { nextRoundMs } from '../../../sync-server/mlflow/mlflow-link.ts';
import type { RolloutView, StartRolloutRequest } from '../../../sync-server/views/rollout.ts';
import { FakeMlflow, refuse } from '../../support/mlflow/fake-mlflow.ts';
import { PLAN, reported, silentLog, TestClock, temporaryStore } from '../support.ts';
import { addPulled } from './pulled-models.ts';

const signal = new AbortController().signal;
const ROLLING: WatchedAlias = { name: 'tiny', alias: 'champion', slot: 'surface', rollout: true };

async function setUp(watched: WatchedAlias = ROLLING) {
  const store = temporaryStore();
  const clock = new TestClock();
  const state = { version: 1, champion: 'f'.repeat(64), refusal: undefined as Error | undefined };
  const fake = await FakeMlflow.start({
    '/mlflow/registered-models/alias': () => ({
      model_version: { name: 'tiny', version: String(state.version), status: 'READY' },
    }),
  });
  const started: StartRolloutRequest[] = [];
  const make = () =>
    new AliasWatch({
      store,
      client: new MlflowClient({ trackingUri: fake.url }),
      models: { tiny: watched },
      fleet: {
        devices: () => [
          {
            id: 'mill-1',
            labels: {},
            online: true,
            lastSeenMs: 0,
            reported: reported('mill-1', {
              slots: {
                surface: {
                  champion: { manifestSha256: state.champion, title: 'x' },
                  challenger: null,
                  install: null,
                },
              },
            }),
          },
        ],
      },
      startRollout: (request) => {
        if (state.refusal) throw state.refusal;
        started.push(request);
        return { id: 'r1' } as RolloutView;
      },
      clock,
      log: silentLog,
    });
  const watch = make();
  const look = async (by = watch) => {
    await by.look(signal);
    return by.views()[0];
  };
  return { store, clock, state, fake, started, look, make };
}

describe('an alias of MLflow', () => {
  it('that moves to a version which is not here says which commands bring it', async () => {
    const { store, state, look, fake, started } = await setUp();
    addPulled(store, 4);
    state.version = 3;
    expect(await look()).toMatchObject({
      version: 3,
      words: 'is not published here yet',
      commands: [
        `andon mlflow pull "models:/tiny/3" --as tiny@5 -o pulled/tiny-5 --tracking-uri ${fake.url}`,
        'andon sign pulled/tiny-5',
        'andon publish pulled/tiny-5 --keys keys',
      ],
    });
    expect(started).toEqual([]);
  });

  it('that moves to a published version starts one rollout of it, however often one looks', async () => {
    const { store, state, look, started, make } = await setUp();
    addPulled(store, 1);
    addPulled(store, 2);
    state.version = 2;
    expect(await look()).toMatchObject({ words: 'is tiny@2 here; rollout r1 has begun', commands: [] });
    await look();
    await look(make());
    expect(started).toEqual([{ slot: 'surface', model: 'tiny@2' }]);
    state.version = 1;
    await look();
    expect(started).toHaveLength(2);
  });

  it('goes by what MLflow calls the version, not by our number', async () => {
    const { store, state, look, started } = await setUp();
    addPulled(store, 7, { modelVersion: 3 });
    state.version = 3;
    await look();
    expect(started).toEqual([{ slot: 'surface', model: 'tiny@7' }]);
  });

  it('starts nothing where a person did not ask for it', async () => {
    const { store, look, started } = await setUp({ ...ROLLING, rollout: false });
    addPulled(store, 1);
    expect(await look()).toMatchObject({ words: 'is tiny@1 here' });
    expect(started).toEqual([]);
  });

  it('starts nothing where the version runs on every device', async () => {
    const { store, state, look, started } = await setUp();
    state.champion = addPulled(store, 1);
    expect(await look()).toMatchObject({ words: expect.stringMatching(/runs on every device already/) });
    expect(started).toEqual([]);
  });

  it('waits while another rollout is under way, and then starts', async () => {
    const { store, state, look, started } = await setUp();
    addPulled(store, 1);
    state.refusal = serverError('ROLLOUT_CONFLICT', 'rollout r0 is under way');
    expect(await look()).toMatchObject({ words: expect.stringMatching(/not rolled out: rollout r0/) });
    state.refusal = undefined;
    await look();
    expect(started).toHaveLength(1);
  });

  it('starts nothing again after a crash between the start and the note of it', async () => {
    const { store, clock, look, started } = await setUp();
    const manifestSha256 = addPulled(store, 1);
    store.mlflow.see('tiny', { version: 1, state: 'starting', timeMs: clock.nowMs });
    const model = store.models.byHash(manifestSha256);
    if (!model) throw new Error('not added');
    store.rollouts.save({
      id: 'r9',
      slot: 'surface',
      to: model.ref,
      toTitle: '',
      fromTitle: '',
      labels: {},
      stages: [{ devices: 1, traffic: 1 }],
      plan: PLAN,
      approvedStage: 0,
      curve: [],
      drifting: [],
      state: 'rolled-back',
      stage: 0,
      reason: '',
      startedAtMs: clock.nowMs + 5,
      stageStartedAtMs: 0,
      updatedAtMs: 0,
      members: {},
      evidence: {
        pairs: 0,
        challengerBetter: 0,
        championBetter: 0,
        championMetric: null,
        challengerMetric: null,
        metricName: 'accuracy',
        difference: null,
        needed: null,
        perDay: null,
      },
      settled: true,
    });
    expect(await look()).toMatchObject({ words: 'is tiny@1 here; rollout r9 has begun' });
    expect(started).toEqual([]);
  });

  it('that does not exist is told, and does not count as an MLflow that is away', async () => {
    const { fake, look } = await setUp();
    fake.routes['/mlflow/registered-models/alias'] = (_call, response) =>
      refuse(response, 400, 'INVALID_PARAMETER_VALUE');
    expect(await look()).toMatchObject({ version: null, words: expect.stringMatching(/INVALID_PARAMETER/) });
  });
});

describe('the time until the next look', () => {
  it.each([
    [0, 60],
    [1, 120],
    [3, 480],
    [4, 900],
    [1000, 900],
  ])('after %i failures is %i s', (failures, seconds) => {
    expect(nextRoundMs(60_000, failures)).toBe(seconds * 1000);
  });

  it('is never shorter than configured', () => {
    expect(nextRoundMs(3_600_000, 5)).toBe(3_600_000);
  });
});
