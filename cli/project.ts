/** Where the project's own files stand, from sources as well as from `dist/`. */
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProject } from '../daemon/project.ts';

const here = fileURLToPath(import.meta.url);
const project = findProject();

export const projectRoot = project.folder;

/** The root and the signed list of the shipped packages. */
export const shippedMetadata = join(projectRoot, 'models', 'trust');

export type Part = 'agent' | 'sync-server';

/** The program of a part: TypeScript beside the sources, JavaScript beside a build. */
export function entryOf(part: Part): string {
  return join(dirname(here), '..', part, `start${extname(here)}`);
}

export function versionOf(): string {
  return project.version;
}
