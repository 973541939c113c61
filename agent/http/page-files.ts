/** The built status page, read into memory once, and the addresses it has. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
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

const PATHS = { '/': 'index.html', '/app.js': 'app.js', '/app.css': 'app.css' };

/** @param page read when the server starts; undefined when it was not built */
export function addPageRoutes(
  app: FastifyInstance,
  page: () => ReadonlyMap<string, PageFile> | undefined,
): void {
  for (const [url, name] of Object.entries(PATHS)) {
    app.get(url, async (request, reply) => {
      const file = page()?.get(name);
      if (!file) throw pageNotBuilt();
      reply.header('cache-control', 'no-cache').header('etag', file.etag);
      if (request.headers['if-none-match'] === file.etag) return reply.code(304).send();
      return reply.type(file.type).send(file.bytes);
    });
  }
}

function pageNotBuilt() {
  return agentError('PAGE_NOT_BUILT', 'the status page was not built', {
    hint: 'Run "npm run build" in the folder of Andon and start the agent again.',
  });
}
