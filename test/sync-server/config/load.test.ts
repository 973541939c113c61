import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadServerConfig, parseServerConfig } from '../../../sync-server/config/load.ts';
import { temporaryFolder } from '../support.ts';

describe('the server configuration', () => {
  it('works with no file at all', () => {
    const config = loadServerConfig();
    expect(config.broker).toMatchObject({ kind: 'embedded', host: '127.0.0.1' });
    expect(config.http.host).toBe('127.0.0.1');
  });

  it('names every problem at once, with a suggestion for a misspelt key', () => {
    const wrong = { dataDirr: 'x', http: { port: 70_000 }, rollouts: { alpha: 2 } };
    expect(() => parseServerConfig(wrong, '/')).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(/^(?=.*http\.port)(?=.*rollouts\.alpha)(?=.*did you mean "dataDir")/s),
      }),
    );
  });

  it('counts relative paths from the file’s own folder', () => {
    const folder = temporaryFolder();
    const file = join(folder, 'server.json');
    writeFileSync(file, JSON.stringify({ dataDir: 'kept', trust: { root: 'metadata/1.root.json' } }));
    const config = loadServerConfig(file);
    expect(config.dataDir).toBe(join(folder, 'kept'));
    expect(config.trust.root).toBe(join(folder, 'metadata', '1.root.json'));
  });

  it('says where a file is not JSON', () => {
    const file = join(temporaryFolder(), 'server.json');
    writeFileSync(file, '{\n  "dataDir": "x",\n}');
    expect(() => loadServerConfig(file)).toThrow(
      expect.objectContaining({ code: 'CONFIG_UNREADABLE', message: expect.stringContaining('line 3') }),
    );
  });

  it('says which file is missing', () => {
    expect(() => loadServerConfig('/nowhere/server.json')).toThrow(/\/nowhere\/server\.json/);
  });

  it('cannot be changed after it was read', () => {
    const config = loadServerConfig();
    expect(() => Object.assign(config.http, { port: 1 })).toThrow(TypeError);
  });
});

describe('an MLflow in the configuration', () => {
  const alias = { name: 'tiny', alias: 'champion' };

  it('is none by default, and polled once a minute when it is there', () => {
    expect(parseServerConfig({}, '/base').mlflow).toBeNull();
    const config = parseServerConfig(
      { mlflow: { trackingUri: 'http://mlflow:5000', tokenFile: 'token', models: { tiny: alias } } },
      '/base',
    );
    expect(config.mlflow).toMatchObject({
      pollS: 60,
      report: true,
      tokenFile: '/base/token',
      models: { tiny: { rollout: false } },
    });
  });

  it('says what it lacks', () => {
    const config = { mlflow: { trackingUri: 'mlflow:5000', models: { tiny: { ...alias, rollout: true } } } };
    expect(() => parseServerConfig(config, '/base')).toThrow(
      /mlflow\.trackingUri[\s\S]*mlflow\.models\.tiny\.slot[\s\S]*rollout/,
    );
  });
});
