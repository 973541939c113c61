import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ArtifactFolder } from '../../../sync-server/mlflow/artifact-folder.ts';
import { mlflowAuthorization } from '../../../sync-server/mlflow/credentials.ts';
import { MlflowClient } from '../../../sync-server/mlflow/mlflow-client.ts';
import { findModel } from '../../../sync-server/mlflow/model-source.ts';
import { FakeMlflow, type Route, refuse } from '../../support/mlflow/fake-mlflow.ts';

const PATH = '/mlflow/runs/get';
const answer = z.object({ n: z.number() });

async function ask(route: Route, timeoutMs = 5000) {
  const fake = await FakeMlflow.start({ [PATH]: route });
  const client = new MlflowClient({ trackingUri: fake.url, authorization: 'Bearer secret', timeoutMs });
  return { fake, asking: client.get(PATH, { run_id: 'x' }, answer) };
}

const coded = (code: string) => expect.objectContaining({ code });

describe('the MLflow client', () => {
  it('asks with its login and checks the answer', async () => {
    const { fake, asking } = await ask(() => ({ n: 1, more: 'ignored' }));
    expect(await asking).toEqual({ n: 1 });
    expect(fake.calls[0]).toMatchObject({ headers: { authorization: 'Bearer secret' } });
    expect(fake.calls[0]?.query.get('run_id')).toBe('x');
  });

  it.each<[string, Route, string]>([
    ['a wrong type', () => ({ n: 'one' }), 'MLFLOW_ANSWER_INVALID'],
    ['no JSON', (_call, response) => void response.end('<html>'), 'MLFLOW_ANSWER_INVALID'],
    [
      'a body without end',
      (_call, response) => {
        const more = () => {
          while (!response.destroyed && response.write(Buffer.alloc(65_536, 32)));
          if (!response.destroyed) response.once('drain', more);
        };
        more();
      },
      'MLFLOW_ANSWER_INVALID',
    ],
    [
      'a redirect, which could carry the login away',
      (_call, response) => void response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
      'MLFLOW_ANSWER_INVALID',
    ],
    [
      'a proxy’s own 404',
      (_call, response) => void response.writeHead(404).end('nothing'),
      'MLFLOW_ANSWER_INVALID',
    ],
    [
      'MLflow’s 404',
      (_call, response) => refuse(response, 404, 'RESOURCE_DOES_NOT_EXIST'),
      'MLFLOW_NOT_FOUND',
    ],
    ['a refusal', (_call, response) => refuse(response, 400, 'INVALID_PARAMETER_VALUE'), 'MLFLOW_REFUSED'],
    ['no login', (_call, response) => void response.writeHead(401).end(), 'MLFLOW_LOGIN_REFUSED'],
    ['a broken server', (_call, response) => void response.writeHead(500).end(), 'MLFLOW_UNREACHABLE'],
    ['too many requests', (_call, response) => void response.writeHead(429).end(), 'MLFLOW_UNREACHABLE'],
    ['a cut', (_call, response) => void response.destroy(), 'MLFLOW_UNREACHABLE'],
  ])('tells %s by its code', async (_words, route, code) => {
    const { asking } = await ask(route);
    await expect(asking).rejects.toEqual(coded(code));
  });

  it('does not wait for ever', async () => {
    const { asking } = await ask(() => undefined, 50);
    await expect(asking).rejects.toEqual(coded('MLFLOW_UNREACHABLE'));
  });

  it.each(['ftp://x', 'http://user:secret@x', 'http://x/?token=secret', 'nonsense'])(
    'takes no tracking URI like %s, and does not repeat what may be a secret',
    (trackingUri) => {
      const make = () => new MlflowClient({ trackingUri });
      expect(make).toThrow(coded('MLFLOW_URI_INVALID'));
      expect(make).not.toThrow(/secret/);
    },
  );
});

describe('the login', () => {
  it.each([
    [{ MLFLOW_TRACKING_TOKEN: 't', MLFLOW_TRACKING_USERNAME: 'u' }, 'Bearer t'],
    [{ MLFLOW_TRACKING_USERNAME: 'u', MLFLOW_TRACKING_PASSWORD: 'p' }, 'Basic dTpw'],
    [{}, undefined],
  ])('out of %j is %s', (env, header) => {
    expect(mlflowAuthorization({}, env)).toBe(header);
  });

  it('names the file that cannot be read', () => {
    expect(() => mlflowAuthorization({ tokenFile: '/nowhere' }, {})).toThrow(
      expect.objectContaining({
        code: 'MLFLOW_LOGIN_UNREADABLE',
        message: expect.stringContaining('/nowhere'),
      }),
    );
  });
});

const LIST = '/mlflow-artifacts/artifacts';

describe('artifacts', () => {
  const folder = async (routes: Record<string, Route>, uri = 'mlflow-artifacts:/1/model') => {
    const fake = await FakeMlflow.start(routes);
    return new ArtifactFolder(new MlflowClient({ trackingUri: fake.url }), uri);
  };

  it.each(['../../etc/passwd', '/etc/passwd', 'a/../b', 'a\\b', 'C:x', '', '.'])(
    'are refused whole when one is called %j',
    async (path) => {
      const artifacts = await folder({ [LIST]: () => ({ files: [{ path: 'MLmodel' }, { path }] }) });
      await expect(artifacts.list()).rejects.toEqual(coded('MLFLOW_ANSWER_INVALID'));
    },
  );

  it('are taken up to a size, whatever the list said of it', async () => {
    const artifacts = await folder({
      [LIST]: () => ({ files: [{ path: 'model.onnx', file_size: '3' }] }),
      [`${LIST}/1/model/model.onnx`]: (_call, response) => void response.end(Buffer.alloc(100)),
    });
    expect(await artifacts.list()).toEqual(new Map([['model.onnx', 3]]));
    expect(await artifacts.read('model.onnx', 100)).toHaveLength(100);
    await expect(artifacts.read('model.onnx', 99)).rejects.toEqual(coded('MLFLOW_ANSWER_INVALID'));
  });

  it.each(['s3://bucket/model', 'file:///tmp/model', 'mlflow-artifacts://elsewhere:1/model', 'nonsense'])(
    'at %s are not fetched, with a word on what to do',
    async (uri) => {
      await expect(folder({}, uri)).rejects.toEqual(
        expect.objectContaining({
          code: 'MLFLOW_ARTIFACTS_ELSEWHERE',
          hint: expect.stringMatching(/serve-artifacts/),
        }),
      );
    },
  );
});

describe('a model’s address', () => {
  it.each([
    'models:/tiny/latest',
    'models:/tiny/Production',
    'runs:/abc/model',
    'tiny@champion',
    'models:/a/b/3',
  ])('%s is refused with how to write one', async (uri) => {
    const fake = await FakeMlflow.start();
    const finding = findModel(new MlflowClient({ trackingUri: fake.url }), uri);
    await expect(finding).rejects.toEqual(coded('MLFLOW_URI_INVALID'));
    expect(fake.calls).toEqual([]);
  });

  it('leads nowhere while MLflow is still registering the version', async () => {
    const fake = await FakeMlflow.start({
      '/mlflow/model-versions/get': () => ({
        model_version: { name: 'tiny', version: '3', status: 'PENDING_REGISTRATION' },
      }),
    });
    const finding = findModel(new MlflowClient({ trackingUri: fake.url }), 'models:/tiny/3');
    await expect(finding).rejects.toThrow(/PENDING_REGISTRATION, not READY/);
  });
});
