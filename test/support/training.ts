/** Runs `python -m training …` as a person would, in the environment that test/support/mlflow/install.sh makes. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe } from 'vitest';
import { type Finished, finished } from './finished-process.ts';

const MODELS = fileURLToPath(new URL('../../models', import.meta.url));
const WITHIN_MS = 240_000;

function venv(): string {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  return process.env.ANDON_MLFLOW_VENV ?? join(cache, 'andon', 'mlflow');
}

function hasHyperopt(): boolean {
  try {
    return readFileSync(join(venv(), 'installed.txt'), 'utf8').includes('hyperopt');
  } catch {
    return false;
  }
}

/** `describe`, where retraining can run. Where not: skipped with a line that says so, or failed under ANDON_REQUIRE_SYSTEM=1. */
export function describeWithTraining(name: string, fn: () => void): void {
  if (hasHyperopt() || process.env.ANDON_REQUIRE_SYSTEM === '1') {
    describe(name, fn);
    return;
  }
  console.warn(`skipped "${name}": Hyperopt is not installed (bash test/support/mlflow/install.sh)`);
  describe.skip(name, fn);
}

export function runTraining(...args: string[]): Promise<Finished> {
  return finished(
    spawn(join(venv(), 'bin', 'python'), ['-m', 'training', ...args], {
      cwd: MODELS,
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', MLFLOW_TRACKING_URI: '' },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: WITHIN_MS,
      killSignal: 'SIGKILL',
    }),
  );
}
