/** The built status page, read into memory once. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../../protocol/errors.ts';
import { agentError } from '../errors.ts';

const TYPES = {
  'index.html': 'text/html; charset=utf-8',
  'app.js': 'text/javascript; charset=utf-8',
  'app.css': 'text/css; charset=utf-8',
} as const;

export interface PageFile {
  readonly type: string;
  readonly etag: string;
  readonly bytes: Buffer;
}

/** By file name; undefined when the page was not built. */
export function readPageFiles(folder: string): ReadonlyMap<string, PageFile> | undefined {
  const files = new Map<string, PageFile>();
  try {
    for (const [name, type] of Object.entries(TYPES)) {
      const bytes = readFileSync(join(folder, name));
      const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
      files.set(name, { type, etag, bytes });
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
  return files;
}

export function pageNotBuilt() {
  return agentError('PAGE_NOT_BUILT', 'the status page was not built', {
    hint: 'Run "npm run build" in the folder of Andon and start the agent again.',
  });
}
