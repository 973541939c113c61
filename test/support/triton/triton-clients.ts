/** The real clients of the Open Inference Protocol from PyPI, where test/support/triton/install.sh put them. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe } from 'vitest';

const SCRIPTS = {
  http: fileURLToPath(new URL('./play.py', import.meta.url)),
  grpc: fileURLToPath(new URL('./play_grpc.py', import.meta.url)),
};
const WITHIN_MS = 120_000;
const MOST_OUTPUT_BYTES = 16 * 1024 * 1024;

function venv(): string {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  return process.env.ANDON_TRITON_VENV ?? join(cache, 'andon', 'triton');
}

/**
 * `describe`, where the client is installed. Where not: skipped with a line that says so, or failed under
 * ANDON_REQUIRE_SYSTEM=1; but a machine on which the script could not make perf_analyzer run (its C library) is not to blame.
 */
export function describeWith(client: 'python' | 'perf_analyzer', name: string, fn: () => void): void {
  const cannotBeHad = client === 'perf_analyzer' && existsSync(join(venv(), 'installed.txt'));
  const isRequired = process.env.ANDON_REQUIRE_SYSTEM === '1' && !cannotBeHad;
  if (existsSync(join(venv(), 'bin', client)) || isRequired) {
    describe(name, fn);
    return;
  }
  console.warn(`skipped "${name}": ${client} is not installed (bash test/support/triton/install.sh)`);
  describe.skip(name, fn);
}

/** Runs play.py or play_grpc.py. @returns what it saw, unchecked */
export async function playTritonClient(
  url: string,
  model: string,
  onnx: string,
  rows: unknown,
  over: keyof typeof SCRIPTS = 'http',
): Promise<unknown> {
  const { stdout } = await run('python', [
    SCRIPTS[over],
    new URL(url).host,
    model,
    onnx,
    JSON.stringify(rows),
  ]);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
}

/** Rejects unless it ends with exit code 0. @returns its report */
export async function runPerfAnalyzer(
  url: string,
  args: readonly string[],
  over: 'http' | 'grpc' = 'http',
): Promise<string> {
  const { stdout } = await run('perf_analyzer', ['-i', over, '-u', new URL(url).host, ...args]);
  return stdout;
}

function run(program: string, args: readonly string[]) {
  return promisify(execFile)(join(venv(), 'bin', program), args, {
    timeout: WITHIN_MS,
    maxBuffer: MOST_OUTPUT_BYTES,
  });
}
