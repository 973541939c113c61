/** The list of what a release is made of: `npm run sbom`. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { projectRoot } from '../support/processes.ts';

interface Sbom {
  readonly bomFormat: string;
  readonly components: readonly {
    name: string;
    version: string;
    hashes?: readonly unknown[];
    properties?: readonly { name: string; value: string }[];
  }[];
}

it('names every package with its pinned version and hash, and marks those that no release has', async () => {
  const npm = promisify(execFile)('npm', ['run', '--silent', 'sbom'], {
    cwd: projectRoot,
    timeout: 100_000,
    maxBuffer: 64 * 1024 * 1024,
  });
  const { bomFormat, components } = JSON.parse((await npm).stdout) as Sbom;
  const { dependencies } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  const found = new Map(components.map((component) => [component.name, component]));
  const isMarked = (name: string) =>
    found.get(name)?.properties?.some((each) => each.name === 'cdx:npm:package:development') ?? false;
  expect(bomFormat).toBe('CycloneDX');
  for (const [name, version] of Object.entries(dependencies)) {
    expect(found.get(name)?.version).toBe(version);
    expect(isMarked(name)).toBe(false);
  }
  for (const name of ['typescript', 'vitest']) expect(isMarked(name)).toBe(true);
  expect(components.filter(({ hashes }) => (hashes ?? []).length === 0)).toEqual([]);
}, 120_000);
