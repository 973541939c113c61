/** A real MLflow tracking server of its own process, with SQLite and proxied artifacts in a temporary folder. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe } from 'vitest';
import { z } from 'zod';
import { freePort } from '../brokers.ts';

const SCRIPT = fileURLToPath(new URL('./log_models.py', import.meta.url));
const START_WITHIN_MS = 120_000;

const logged = z.object({ runId: z.string() });
const version = logged.extend({ modelVersion: z.number() });
const loggedModels = z.object({ first: version, second: version, incomplete: logged, other: logged });
export type LoggedModels = z.infer<typeof loggedModels>;

/** Where test/support/mlflow/install.sh puts it. */
function venv(): string {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  return process.env.ANDON_MLFLOW_VENV ?? join(cache, 'andon', 'mlflow');
}

/** `describe`, where MLflow is installed. Where not: skipped with a line that says so, or failed under ANDON_REQUIRE_SYSTEM=1. */
export function describeWithMlflow(name: string, fn: () => void): void {
  if (existsSync(join(venv(), 'installed.txt')) || process.env.ANDON_REQUIRE_SYSTEM === '1') {
    describe(name, fn);
    return;
  }
  console.warn(`skipped "${name}": MLflow is not installed (bash test/support/mlflow/install.sh)`);
  describe.skip(name, fn);
}

export class MlflowServer {
  readonly url: string;
  readonly #port: number;
  readonly #folder: string;
  #child: ChildProcess | undefined;

  private constructor(port: number) {
    this.#port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.#folder = mkdtempSync(join(tmpdir(), 'andon-mlflow-'));
  }

  static async start(): Promise<MlflowServer> {
    const server = new MlflowServer(await freePort());
    await server.start();
    return server;
  }

  /** Again, with all that it knew, on the same port. */
  async start(): Promise<void> {
    const child = spawn(
      join(venv(), 'bin', 'mlflow'),
      [
        'server',
        ...['--backend-store-uri', `sqlite:///${join(this.#folder, 'mlflow.db')}`],
        ...['--artifacts-destination', join(this.#folder, 'artifacts')],
        ...['--host', '127.0.0.1', '--port', String(this.#port), '--workers', '1'],
      ],
      // A group of its own: it has workers, and they go with it.
      {
        detached: true,
        stdio: ['ignore', 'ignore', 'pipe'],
        env: { ...process.env, MLFLOW_DISABLE_TELEMETRY: 'true' },
      },
    );
    this.#child = child;
    let output = '';
    child.stderr?.on('data', (bytes: Buffer) => {
      output = (output + bytes.toString()).slice(-4000);
    });
    const untilMs = Date.now() + START_WITHIN_MS;
    while (!(await this.#answers())) {
      if (child.exitCode !== null || Date.now() > untilMs) throw new Error(`MLflow did not start: ${output}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Ends it at once; `start` brings it back. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child?.pid || child.exitCode !== null) return;
    const exited = new Promise((resolve) => child.once('exit', resolve));
    process.kill(-child.pid, 'SIGKILL');
    await exited;
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Runs log_models.py against it. */
  async logModels(): Promise<LoggedModels> {
    const { stdout } = await promisify(execFile)(join(venv(), 'bin', 'python'), [SCRIPT, this.url]);
    return loggedModels.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''));
  }

  /** The answer to any call of its REST API, unchecked. */
  async ask(method: 'GET' | 'POST', path: string, body?: object): Promise<unknown> {
    const response = await fetch(`${this.url}/api/2.0/mlflow/${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    return response.json();
  }

  async #answers(): Promise<boolean> {
    return fetch(`${this.url}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
  }
}
