import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { serverConfigSchema } from '../../sync-server/config/schema.ts';
import { type RunningServer, startServer } from '../../sync-server/main.ts';
import { readFiles } from '../support/packages.ts';
import { TestTeam } from '../support/trust.ts';
import { runAndon } from './run-andon.ts';

// Each command is a process of its own, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 });

const model = fileURLToPath(new URL('../../models/milling-failure/2', import.meta.url));
let folder = '';
let server: RunningServer;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'andon-cli-'));
  new TestTeam().sign(readFiles(model)).prepareServer(join(folder, 'server'));
  server = await startServer(
    serverConfigSchema.parse({
      dataDir: join(folder, 'server'),
      broker: { kind: 'embedded', port: 0 },
      http: { port: 0 },
      log: { level: 'fatal' },
    }),
  );
});
afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const andon = (...args: string[]) => runAndon('--server', server.url, ...args);

describe('the andon command against a real server', () => {
  it('publishes a package, again without harm, and lists it', async () => {
    const published = await andon('publish', model, '--notes', 'for line 3');
    expect(published).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Published milling-failure 2\./),
    });
    expect((await andon('publish', model)).code).toBe(0);
    const { stdout } = await andon('models', '--json');
    expect(JSON.parse(stdout)).toMatchObject([{ name: 'milling-failure', version: 2, notes: 'for line 3' }]);
  });

  it('marks a version, finds it by its marks, and takes an alias where a version would do', async () => {
    expect((await andon('models', 'alias', 'milling-failure@2', 'champion')).stdout).toBe(
      'milling-failure@champion is now milling-failure@2.\n',
    );
    await andon('models', 'stage', 'milling-failure@champion', 'production', '--by', 'anna');
    await andon('models', 'note', 'milling-failure@champion', 'good on line 3', '--by', 'anna');
    const { stdout } = await andon(
      'models',
      'search',
      'line',
      '--stage',
      'production',
      '--metric',
      'f-beta>=0.8',
    );
    expect(stdout).toMatch(/^milling-failure@2 +champion +production/m);
    expect((await andon('models', 'show', 'milling-failure@champion')).stdout).toMatch(
      /notes +good on line 3 \(anna, .*UTC\)[\s\S]*data +AI4I 2020/,
    );
    expect((await andon('models', 'lineage', 'milling-failure@2')).stdout).toMatch(
      /made from +a version that/,
    );
    expect((await andon('rollout', 'start', 'machine-failure', 'milling-failure@champion')).stderr).toMatch(
      /^no device has a slot/,
    );
    expect((await andon('models', 'alias', 'milling-failure@champion', '--drop')).stdout).toMatch(
      /is no more/,
    );
  });

  it('tells the server’s refusal in a sentence with a hint, and exits with 1', async () => {
    const ran = await andon('rollout', 'start', 'machine-failure', 'milling-failure@9');
    expect(ran).toMatchObject({ code: 1, stdout: '' });
    expect(ran.stderr).toMatch(/^milling-failure.*9.*\.\n {2}\S/);
    expect((await andon('rollout', 'abort', 'nothing')).stderr).toMatch(
      /^there is no rollout "nothing"\.\n {2}\S/,
    );
  });

  it.each([
    [['rollout', 'start', 'slot', 'm@1', '--stage', '2:1'], /--stage "2:1" is not two shares/],
    [['rollout', 'start', 'slot', 'm@1', '--stage', '1:1:later'], /--stage "1:1:later" is not two shares/],
    [['rollout', 'start', 'slot', 'm@1', '--margin', '2'], /--margin "2" is not a share/],
    [['rollout', 'start', 'slot', 'm@1', '--window', 'sat 25:00-05:00'], /--window "sat 25:00-05:00" is not/],
    [['rollout', 'approve', 'nothing'], /there is no rollout "nothing"/],
    [['rollout', 'start', 'slot', 'm@1', '--label', 'site'], /--label "site" is not key=value/],
    [['rollout', 'status', 'nothing'], /there is no rollout "nothing"/i],
    [['mlflow', 'pull', 'models:/tiny@champion', '-o', model], /is there already, and is not empty/],
    [
      ['mlflow', 'pull', 'models:/tiny@champion', '-o', '/nowhere', '--tracking-uri', 'http://127.0.0.1:1'],
      /no MLflow server answers at http:\/\/127\.0\.0\.1:1/,
    ],
    [['sign', model, '--key', '/nowhere.pem'], /not a readable Ed25519 private key/],
  ])('refuses %j', async (args, words) => {
    const ran = await andon(...args);
    expect(ran).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(words) });
  });
});
