/** Where the project's own files stand, from sources as well as from `dist/`. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(import.meta.url);

/** The nearest folder above that holds package.json. */
export const projectRoot = findRoot(dirname(here));

/** Release keys that the shipped packages are signed with. */
export const shippedTrustedKeys = join(projectRoot, 'models', 'trusted-keys.json');

export type Part = 'agent' | 'sync-server';

/** The entry file of a part: TypeScript beside the sources, JavaScript beside a build. */
export function entryOf(part: Part): string {
  return join(dirname(here), '..', part, `main${extname(here)}`);
}

export function versionOf(): string {
  const { version }: { version?: unknown } = JSON.parse(
    readFileSync(join(projectRoot, 'package.json'), 'utf8'),
  );
  return String(version);
}

function findRoot(folder: string): string {
  if (existsSync(join(folder, 'package.json'))) return folder;
  const above = dirname(folder);
  return above === folder ? folder : findRoot(above);
}
