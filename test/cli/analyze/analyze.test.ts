import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { compare } from '../../../cli/analyze/agreement.ts';
import { openPackage } from '../../../cli/analyze/package-on-disk.ts';
import { sweep } from '../../../cli/analyze/sweep.ts';
import { makePackage, writePackage } from '../../support/packages.ts';
import { runAndon } from '../run-andon.ts';

// Real engine processes, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

const folder = mkdtempSync(join(tmpdir(), 'andon-analyze-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const shipped = fileURLToPath(new URL('../../../models/milling-failure/2', import.meta.url));

describe('a sweep over a package', () => {
  it('measures every number of threads at every batch, in the engine that the agent uses', async () => {
    const seen: number[] = [];
    const { points, rssBytes, loadMs } = await sweep(openPackage(shipped), {
      threads: [1, 2],
      batches: [1, 300],
      eachMs: 1,
      onPoint: (done, of) => seen.push(done / of),
    });
    expect(points.map(({ threads, batch }) => [threads, batch])).toEqual([
      [1, 1],
      [1, 300],
      [2, 1],
      [2, 300],
    ]);
    for (const { p50Ms, p99Ms, rowsPerS, batch, runs } of points) {
      expect(p99Ms).toBeGreaterThanOrEqual(p50Ms);
      expect(rowsPerS).toBeCloseTo((batch * 1000) / p50Ms);
      expect(runs).toBeGreaterThanOrEqual(5);
    }
    expect(seen).toEqual([0.25, 0.5, 0.75, 1]);
    expect(Object.keys(rssBytes)).toEqual(['1', '2']);
    expect(rssBytes[1]).toBeGreaterThan(10e6);
    expect(loadMs).toBeGreaterThan(0);
  });
});

describe('two packages side by side', () => {
  const golden = {
    samples: [
      { input: [2, 0], output: [0.88], label: 1 },
      { input: [0, 2], output: [0.12], label: 0 },
      { input: [1, 0], output: [0.73], label: 1 },
      { input: [0, 1], output: [0.27], label: 1 },
    ],
  };
  const write = (name: string, bias: number) =>
    openPackage(
      writePackage(join(folder, name), makePackage({ graph: { weights: [[1, -1]], bias: [bias] }, golden })),
    );

  it('agree where their decisions do, and are judged by their own metric on known labels', async () => {
    const agreement = await compare(write('plain', 0), write('eager', 1.5));
    expect([agreement.samples, agreement.agreed]).toEqual([4, 3]);
    // sigmoid(1.5 - 1) - sigmoid(-1)
    expect(agreement.largestDifference).toBeCloseTo(0.3535, 3);
    expect(agreement.ours.value).toBe(0.75);
    expect(agreement.other.value).toBe(1);
  });

  it('are not compared when they do not read the same inputs', async () => {
    const three = writePackage(join(folder, 'three'), makePackage({ graph: { weights: [[1, 1, 1]] } }));
    await expect(compare(write('two', 0), openPackage(three))).rejects.toMatchObject({
      code: 'ARGUMENT_INVALID',
    });
  });
});

describe('andon analyze', () => {
  it('prints what to pick with the lines to paste, and draws a page that needs no network', async () => {
    const page = join(folder, 'out.html');
    const ran = await runAndon(
      'analyze',
      shipped,
      '--each-ms',
      '1',
      '--threads',
      '1',
      '--slot',
      'mill',
      '--html',
      page,
    );
    expect(ran.stderr).toBe('');
    expect(ran.code).toBe(0);
    expect(ran.stdout).toMatch(/^milling-failure 2 \(int8\) on /);
    expect(ran.stdout).toMatch(/^Take 1 thread (with batches of up to \d+|and one row at a time): /m);
    expect(ran.stdout).toMatch(/"slots": \{ "mill": \{ "batch": \{ "maxRows": \d+ \} \} \}\n$/);
    expect(ran.stdout.match(/← take this/g)).toHaveLength(1);
    const html = readFileSync(page, 'utf8');
    expect(html.match(/<svg/g)).toHaveLength(2);
    expect(html).not.toMatch(/https?:|<script|<link|NaN|undefined/);
  });

  it('prints all of it as JSON for scripts', async () => {
    const ran = await runAndon('--json', 'analyze', shipped, '--each-ms', '1', '--threads', '1');
    const { sweep: found, advice } = JSON.parse(ran.stdout);
    expect(found.points).toHaveLength(9);
    expect(found.points).toContainEqual(advice.pick);
  });

  it('says what is wrong with a folder that is no package', async () => {
    const ran = await runAndon('analyze', folder);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('has no manifest.json');
  });
});
