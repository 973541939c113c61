/** Promise: a batch run that is killed at any moment goes on where it was, and makes the files that it would have made undisturbed. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Decision, Manifest } from '../../../protocol/manifest.ts';
import { makePackage, writePackage } from '../../support/packages.ts';
import { projectRoot } from '../../support/processes.ts';
import { runAndon } from '../run-andon.ts';
import { writeCsv } from './rows-files.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 });

const isLong = process.env.ANDON_FAULTS === 'long';
const ROWS = isLong ? 400_000 : 240_000;
const KILLS = isLong ? 25 : 3;
/** Moments after the first sign of the run, by a fixed sequence. */
const MOMENTS_MS = [40, 5, 350, 700, 1100, 180, 900, 0, 520, 1400];

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'andon-batch-killed-'));
  writePackage(join(folder, 'model'), makePackage());
  // Each row's label depends on the one before.
  const decision: Decision = { kind: 'threshold', labels: ['ok', 'failure'], threshold: 0.9, release: 0.1 };
  writePackage(join(folder, 'holding'), makePackage({ decision }));
  const input: Manifest['input'] = {
    kind: 'window',
    tensor: 'input',
    features: [{ name: 'a', unit: '' }],
    length: 2,
    stride: 3,
  };
  writePackage(join(folder, 'window'), makePackage({ input, graph: { weights: [[-1, 1]], kind: 'linear' } }));
  writeCsv(join(folder, 'in.csv'), { rows: ROWS, badEvery: 333 });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function args(output: string, name: string): string[] {
  const model = ['--model', join(folder, name), '--unsigned', '--input', join(folder, 'in.csv')];
  // Small batches, so that there is time to be killed in.
  return ['batch', ...model, '--output', output, '--key', 'serial', '--keep', 'note', '--batch', '16'];
}

function start(output: string, model: string) {
  return spawn(
    process.execPath,
    ['--import', 'tsx', join(projectRoot, 'cli/andon.ts'), ...args(output, model)],
    {
      cwd: projectRoot,
      stdio: 'ignore',
    },
  );
}

/** Where the journal says that the input is gone on with. */
function inputAt(output: string): number {
  if (!existsSync(`${output}.journal`)) return 0;
  return (JSON.parse(readFileSync(`${output}.journal`, 'utf8')) as { inputAt: number }).inputAt;
}

describe('a batch run that is killed over and over', () => {
  it.each([
    ['csv', 'model'],
    ['parquet', 'holding'],
    ...(isLong ? [['ndjson', 'window'] as const] : []),
  ] as const)(
    'makes the same %s file of a %s and the same rejected rows as one that is not',
    async (format, model) => {
      const undisturbed = join(folder, `whole.${format}`);
      expect((await runAndon(...args(undisturbed, model))).code).toBe(0);
      const output = join(folder, `killed.${format}`);
      let kills = 0;
      let wentOnFrom = 0;
      for (; kills < KILLS && !existsSync(output); kills++) {
        const child = start(output, model);
        const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
        const before = inputAt(output);
        wentOnFrom = Math.max(wentOnFrom, before);
        // Every third kill comes at once; the others when something new is durable, so that the run comes on.
        while (
          kills % 3 !== 0 &&
          child.exitCode === null &&
          inputAt(output) <= before &&
          !existsSync(output)
        ) {
          await pause(5);
        }
        await Promise.race([pause(MOMENTS_MS[kills % MOMENTS_MS.length]), ended]);
        child.kill('SIGKILL');
        await ended;
      }
      if (!existsSync(output)) {
        wentOnFrom = Math.max(wentOnFrom, inputAt(output));
        const last = await runAndon(...args(output, model));
        expect(last).toMatchObject({ code: 0, stderr: expect.stringMatching(/^Going on after/) });
      }
      expect(kills).toBeGreaterThan(1);
      expect(wentOnFrom).toBeGreaterThan(0);
      expect(readFileSync(output).equals(readFileSync(undisturbed))).toBe(true);
      const rejected = (name: string) => readFileSync(join(folder, `${name}.rejected.ndjson`), 'utf8');
      expect(rejected('killed')).toBe(rejected('whole'));
      expect(rejected('killed').split('\n')).toHaveLength(Math.floor(ROWS / 333) + 1);
      expect(readdirSync(folder).filter((name) => /partial|journal/.test(name))).toEqual([]);
      for (const name of ['killed', 'whole']) {
        rmSync(join(folder, `${name}.${format}`));
        rmSync(join(folder, `${name}.rejected.ndjson`));
      }
    },
  );
});
