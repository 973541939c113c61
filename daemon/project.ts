/** Where the project stands on this machine, the same from the sources and from the built JavaScript. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Project {
  readonly folder: string;
  readonly version: string;
}

/** The nearest folder above this file that holds a package.json. */
export function findProject(): Project {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder);
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
  return { folder, version };
}
