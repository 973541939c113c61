import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { decodeChunk } from '../../../protocol/chunk-codec.ts';
import { sha256Hex } from '../../../protocol/keys.ts';
import { ChunkFiles } from '../../../sync-server/store/chunk-files.ts';
import { openServerStore } from '../../../sync-server/store/server-store.ts';
import { temporaryFolder, temporaryStore } from '../support.ts';

describe('the server’s store', () => {
  it('belongs to one server at a time', () => {
    const folder = temporaryFolder();
    temporaryStore(folder);
    expect(() => openServerStore(folder)).toThrow(expect.objectContaining({ code: 'STORE_LOCKED' }));
  });

  it('may be read by others while the server runs', () => {
    const folder = temporaryFolder();
    temporaryStore(folder);
    const reader = new Database(join(folder, 'server.db'), { readonly: true });
    expect(reader.prepare('SELECT count(*) AS n FROM devices').get()).toEqual({ n: 0 });
    reader.close();
  });

  it('is free again after it was closed', () => {
    const folder = temporaryFolder();
    openServerStore(folder).close();
    expect(() => temporaryStore(folder)).not.toThrow();
  });

  it('is not touched by an older server', () => {
    const folder = temporaryFolder();
    openServerStore(folder).close();
    const db = new Database(join(folder, 'server.db'));
    db.pragma('user_version = 999');
    db.close();
    expect(() => openServerStore(folder)).toThrow(
      expect.objectContaining({ code: 'STORE_UNWRITABLE', message: expect.stringContaining('newer server') }),
    );
  });

  it('says what is wrong when it is no database', () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'server.db'), 'not a database'.repeat(100));
    expect(() => openServerStore(folder)).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }));
  });
});

describe('chunk files', () => {
  const bytes = Buffer.from('one chunk');
  const sha256 = sha256Hex(bytes);

  it('gives back what was written, also to the next process', () => {
    const folder = join(temporaryFolder(), 'chunks');
    new ChunkFiles(folder).writeAll(new Map([[sha256, bytes]]));
    const kept = new ChunkFiles(folder);
    expect(decodeChunk(sha256, kept.read(sha256))).toEqual(bytes);
    expect(kept.sizeOf(sha256)).toBe(kept.read(sha256).length);
  });

  it('never gives out a damaged chunk, and heals it when it is written again', () => {
    const folder = temporaryFolder();
    const chunks = new ChunkFiles(folder);
    chunks.writeAll(new Map([[sha256, bytes]]));
    writeFileSync(join(folder, sha256), 'one chunX');
    expect(() => chunks.read(sha256)).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }));
    chunks.writeAll(new Map([[sha256, bytes]]));
    expect(decodeChunk(sha256, chunks.read(sha256))).toEqual(bytes);
  });

  it('says so when a chunk cannot be written', () => {
    const folder = temporaryFolder();
    const chunks = new ChunkFiles(folder);
    // In the way of the temporary file, for root too.
    mkdirSync(join(folder, `${sha256}.part`));
    expect(() => chunks.writeAll(new Map([[sha256, bytes]]))).toThrow(
      expect.objectContaining({ code: 'STORE_UNWRITABLE' }),
    );
  });
});
