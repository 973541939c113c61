/** A decision with `release` holds on to an alarm from row to row: also where the rows lie in blocks of different threads. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, vi } from 'vitest';
import { makePackage, tinyOutput, writePackage } from '../../support/packages.ts';
import { runAndon } from '../run-andon.ts';

vi.setConfig({ testTimeout: 120_000 });

const ROWS = 120_000;
/** Of the input, which goes up and down so slowly that whole blocks lie between the two limits. */
const PERIOD = 50_000;
const [THRESHOLD, RELEASE] = [0.8, 0.2];
const folder = mkdtempSync(join(tmpdir(), 'andon-held-'));
const at = (name: string) => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('leaves an alarm late in the order of the file, whoever works on its blocks', async () => {
  const labels: [string, string] = ['ok', 'failure'];
  const decision = { kind: 'threshold' as const, labels, threshold: THRESHOLD, release: RELEASE };
  writePackage(at('model'), makePackage({ decision }));
  const values = Array.from({ length: ROWS }, (_, i) =>
    Number((2 * Math.sin((2 * Math.PI * i) / PERIOD)).toFixed(6)),
  );
  writeFileSync(at('in.csv'), `a,b\n${values.map((value) => `${value},0`).join('\n')}\n`);
  const ran = await runAndon(
    ...['batch', '--unsigned', '--model', at('model'), '--threads', '3'],
    ...['--input', at('in.csv'), '--output', at('out.csv')],
  );
  expect(ran.code, ran.stderr).toBe(0);
  let label = 'ok';
  const wanted = values.map((value) => {
    const [score = 0] = tinyOutput({ weights: [[1, -1]] }, [value, 0]);
    label = score >= (label === 'failure' ? RELEASE : THRESHOLD) ? 'failure' : 'ok';
    return label;
  });
  const given = readFileSync(at('out.csv'), 'utf8').trimEnd().split('\n').slice(1);
  expect(given.map((line) => line.split(',')[1])).toEqual(wanted);
});
