import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { goldenSchema } from '../../protocol/manifest.ts';
import { parseManifest } from '../../protocol/package-verify.ts';
import { projectRoot } from '../support/processes.ts';
import { describeWithTraining, runTraining } from '../support/training.ts';

const packageFolder = join(projectRoot, 'models', 'milling-failure', '2');
const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** As `andon dataset export` writes it: the package's golden samples, with their labels. */
function exported(withFeatures = true): string {
  const manifest = parseManifest(readFileSync(join(packageFolder, 'manifest.json')));
  if (manifest.input.kind !== 'features') throw new Error('milling-failure takes features');
  const { features } = manifest.input;
  const { labels } = manifest.output.decision;
  const golden = goldenSchema.parse(
    JSON.parse(readFileSync(join(packageFolder, manifest.golden.file), 'utf8')),
  );
  const head = ['prediction_id', 'device', 'time', 'correlation_id', 'label', 'weight', 'propensity'];
  const lines = golden.samples.map(({ input, label = 0 }, i) => {
    const values = input.map((value, f) => features[f]?.categories?.[value] ?? value);
    return [
      `a-${i + 1}`,
      'mill-1',
      `2026-11-0${1 + (i % 9)}T00:00:00Z`,
      `part-${i}`,
      labels[label],
      1,
      1,
    ].concat(withFeatures ? values : values.map(() => ''));
  });
  const folder = mkdtempSync(join(tmpdir(), 'andon-importance-'));
  folders.push(folder);
  const file = join(folder, 'labelled.csv');
  const columns = [...head, ...features.map(({ name }) => `feature_${name}`)];
  writeFileSync(file, `${[columns, ...lines].map((cells) => cells.join(',')).join('\n')}\n`);
  return file;
}

function importanceWith(costs: Record<string, string>) {
  const args = ['--package', packageFolder, '--export', exported()];
  const file = join(folders.at(-1) as string, 'costs.json');
  writeFileSync(file, JSON.stringify(costs));
  return runTraining('importance', ...args, '--costs', file);
}

describeWithTraining('which inputs earn their cost, on labelled field data', () => {
  it('puts every input beside what it costs', async () => {
    const ran = await importanceWith({ torque_nm: 'a torque cell' });
    expect(ran.stderr).toBe('');
    expect(ran.code).toBe(0);
    expect(ran.stdout).toMatch(/labelled field samples/);
    expect(ran.stdout).toMatch(/\| torque_nm \| -?\d\.\d{3} \| .* \| a torque cell \|/);
    expect(ran.stdout).toMatch(/\| tool_wear_min \| .* \| not stated \|/);
  });

  it('says why it cannot tell where no features left the device', async () => {
    const ran = await runTraining('importance', '--package', packageFolder, '--export', exported(false));
    expect(ran.code).toBe(2);
    expect(ran.stderr).toMatch(/Features leave a device only where its slot says "privacy": "features"/);
  });

  it('refuses a cost of something that is no input', async () => {
    const ran = await importanceWith({ torque: 'a torque cell' });
    expect(ran.code).toBe(2);
    expect(ran.stderr).toMatch(/not known: torque/);
  });
});
