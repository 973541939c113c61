/** Promise: a file of any size is read in the same memory. */
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { makePackage, writePackage } from '../../support/packages.ts';
import { projectRoot } from '../../support/processes.ts';

vi.setConfig({ testTimeout: 120_000 });

const MIB = 1024 * 1024;
const SMALL_BYTES = 16 * MIB;
const LARGE_BYTES = 400 * MIB;

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'andon-batch-memory-'));
  writePackage(join(folder, 'model'), makePackage());
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Rows of 4 KiB, so that much is read for little work. */
function writeWide(path: string, bytes: number): void {
  const file = openSync(path, 'w');
  writeSync(file, 'a,b,note\n');
  const chunk = `1,2,${'x'.repeat(4090)}\n`.repeat(256);
  for (let written = 0; written < bytes; written += chunk.length) writeSync(file, chunk);
  closeSync(file);
}

/** @returns the most memory that the process had resident at any time, bytes */
async function peakBytes(inputBytes: number): Promise<number> {
  const input = join(folder, 'in.csv');
  writeWide(input, inputBytes);
  const model = ['--unsigned', '--model', join(folder, 'model'), '--keep', 'note', '--restart'];
  const child = spawn(
    process.execPath,
    [
      '--import',
      'tsx',
      'cli/andon.ts',
      'batch',
      ...model,
      '--input',
      input,
      '--output',
      join(folder, 'out.csv'),
    ],
    { cwd: projectRoot, stdio: 'ignore' },
  );
  let peak = 0;
  const watch = setInterval(() => {
    const [, kib] = /VmHWM:\s+(\d+)/.exec(statusOf(child.pid)) ?? [];
    peak = Math.max(peak, Number(kib ?? 0) * 1024);
  }, 20);
  const code = await new Promise((resolve) => child.once('exit', resolve));
  clearInterval(watch);
  expect(code).toBe(0);
  return peak;
}

function statusOf(pid: number | undefined): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return '';
  }
}

it.skipIf(process.platform !== 'linux')(
  'needs no more memory for a file that is 25 times as large',
  async () => {
    const small = await peakBytes(SMALL_BYTES);
    const large = await peakBytes(LARGE_BYTES);
    expect(small).toBeGreaterThan(0);
    expect(large - small).toBeLessThan(LARGE_BYTES / 4);
  },
);
