/** The console's built files, kept in memory with an ETag; a clear text while they are not built. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { sha256Hex } from '../../protocol/keys.ts';

const FILES = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/app.js': ['app.js', 'text/javascript; charset=utf-8'],
  '/app.css': ['app.css', 'text/css; charset=utf-8'],
} as const;

const NOT_BUILT =
  'The console page is not built yet. Build it with: npm run build\nThe API is at /api/fleet.\n';

interface Page {
  readonly body: Buffer;
  readonly etag: string;
  readonly modifiedMs: number;
}

/** @param folder where index.html, app.js and app.css are */
export function addConsolePage(app: FastifyInstance, folder: string): void {
  const pages = new Map<string, Page>();
  for (const [path, [name, type]] of Object.entries(FILES)) {
    app.get(path, { config: { role: 'anyone' } }, async (request, reply) => {
      const page = freshPage(pages, join(folder, name));
      if (!page) return reply.code(503).type('text/plain; charset=utf-8').send(NOT_BUILT);
      reply.header('etag', page.etag).header('cache-control', 'no-cache').type(type);
      return request.headers['if-none-match'] === page.etag ? reply.code(304).send() : reply.send(page.body);
    });
  }
}

/** Read again when the file was built anew. */
function freshPage(pages: Map<string, Page>, file: string): Page | undefined {
  const modifiedMs = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
  if (modifiedMs === undefined) return undefined;
  const known = pages.get(file);
  if (known?.modifiedMs === modifiedMs) return known;
  const body = readFileSync(file);
  const page = { body, etag: `"${sha256Hex(body).slice(0, 32)}"`, modifiedMs };
  pages.set(file, page);
  return page;
}
