/** The three servers of `bench http`, each a process of its own with the same model: the agent, a bare handler, MLServer. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { freePort } from '../test/support/brokers.ts';
import { projectRoot, RunningProcess, startProcess, waitFor } from '../test/support/processes.ts';

export const SLOT = 'surface';
const START_WITHIN_MS = 60_000;
const packageFolder = join(projectRoot, 'models', 'steel-surface', '1');
const modelFile = join(packageFolder, 'model.onnx');

export interface Server {
  readonly port: number;
  stop(): Promise<unknown>;
}

/** As it is set up by default: every prediction is recorded. */
export async function startAgent(folder: string): Promise<Server> {
  const config = join(folder, 'device.json');
  const samples = join(folder, 'none.csv');
  writeFileSync(samples, 'time\n');
  writeFileSync(
    config,
    JSON.stringify({
      device: { id: 'bench-http' },
      dataDir: join(folder, 'data'),
      sources: { none: { kind: 'file', path: samples, format: 'csv' } },
      slots: { [SLOT]: { source: 'none', model: packageFolder } },
      trust: { metadata: join(projectRoot, 'models', 'trust') },
      http: { port: 0 },
    }),
  );
  return listening(startProcess('agent/start.ts', ['--config', config]));
}

export async function startBare(outputName: string): Promise<Server> {
  return listening(startProcess('bench/http-bare.ts', [modelFile, outputName]));
}

/** Null where it is not installed (bash bench/peer/install.sh). */
export async function startMlserver(folder: string): Promise<Server | null> {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  const program = join(
    process.env.ANDON_MLSERVER_VENV ?? join(cache, 'andon', 'mlserver'),
    'bin',
    'mlserver',
  );
  if (!existsSync(program)) return null;
  const models = join(folder, 'mlserver');
  mkdirSync(models);
  const port = await freePort();
  const settings = {
    http_port: port,
    grpc_port: await freePort(),
    metrics_port: await freePort(),
    parallel_workers: 0,
    debug: false,
  };
  writeFileSync(join(models, 'settings.json'), JSON.stringify(settings));
  const model = { name: SLOT, implementation: 'onnx_runtime.OnnxModel', parameters: { uri: modelFile } };
  writeFileSync(join(models, 'model-settings.json'), JSON.stringify(model));
  const child = spawn(program, ['start', models], {
    cwd: models,
    env: { ...process.env, PYTHONPATH: resolve(import.meta.dirname, 'peer') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const running = new RunningProcess(child);
  const ready = () =>
    fetch(`http://127.0.0.1:${port}/v2/models/${SLOT}/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  await waitFor(
    async () => running.ended || (await ready()),
    START_WITHIN_MS,
    () => running.output(),
  );
  if (running.ended) throw new Error(`MLServer did not start:\n${running.output()}`);
  return { port, stop: () => running.end() };
}

async function listening(running: RunningProcess): Promise<Server> {
  const { url } = await running.logged('listening');
  return { port: Number(new URL(String(url)).port), stop: () => running.end() };
}
