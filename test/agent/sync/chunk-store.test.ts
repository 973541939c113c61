import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ChunkStore } from '../../../agent/sync/chunk-store.ts';
import { sha256Hex } from '../../../protocol/keys.ts';

const bytes = Buffer.from('a chunk');
const sha256 = sha256Hex(bytes);
let folder: string;
let store: ChunkStore;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'andon-chunks-'));
  store = new ChunkStore(folder);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('gives back what was put, and makes its folder with the first chunk', async () => {
  const deeper = new ChunkStore(join(folder, 'not', 'there'));
  expect(await deeper.list()).toEqual([]);
  expect(await deeper.get(sha256)).toBeUndefined();
  await deeper.put(sha256, bytes);
  expect(await deeper.get(sha256)).toEqual(bytes);
  expect(await deeper.list()).toEqual([sha256]);
});

it('leaves nothing behind of a chunk that it cannot write', async () => {
  mkdirSync(join(folder, sha256, 'in-the-way'), { recursive: true });
  await expect(store.put(sha256, bytes)).rejects.toThrow();
  expect(readdirSync(folder)).toEqual([sha256]);
});

it('removes a chunk that rotted on the disk', async () => {
  writeFileSync(join(folder, sha256), 'other bytes');
  expect(await store.get(sha256)).toBeUndefined();
  expect(existsSync(join(folder, sha256))).toBe(false);
});

it('removes what a cut-off write left behind, and no chunk', async () => {
  await store.put(sha256, bytes);
  writeFileSync(join(folder, 'half.tmp'), 'half');
  await store.clean();
  expect(readdirSync(folder)).toEqual([sha256]);
});
