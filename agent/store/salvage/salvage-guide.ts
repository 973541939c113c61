/**
 * `<database>.guide`: what a salvage needs to know when the database cannot say it any more: its first page, which holds
 * the names and places of the tables, and how far each stream went. Written when a run ends well.
 */
import { closeSync, openSync, readFileSync, readSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { STREAMS, type Stream } from '../../../protocol/records.ts';

const heads = z.record(z.enum(STREAMS), z.int().min(0));
const guideSchema = z.object({ v: z.literal(1), firstPage: z.base64().max(100_000), heads });

export interface SalvageGuide {
  readonly firstPage: Buffer;
  /** Last seq of each stream that is known to have been given out. */
  readonly heads: Readonly<Record<Stream, number>>;
}

/** Of a database that is closed or whose log was just folded. @throws errors of the file system */
export function writeGuide(path: string, pageBytes: number, headsNow: SalvageGuide['heads']): void {
  const firstPage = Buffer.alloc(pageBytes);
  const fd = openSync(path, 'r');
  try {
    readSync(fd, firstPage, 0, pageBytes, 0);
  } finally {
    closeSync(fd);
  }
  const guide = { v: 1, firstPage: firstPage.toString('base64'), heads: headsNow };
  writeFileSync(`${guidePath(path)}.part`, JSON.stringify(guide), { flush: true });
  renameSync(`${guidePath(path)}.part`, guidePath(path));
}

/** @returns null when there is none that can be read */
export function readGuide(path: string): SalvageGuide | null {
  try {
    const { firstPage, heads: known } = guideSchema.parse(JSON.parse(readFileSync(guidePath(path), 'utf8')));
    return { firstPage: Buffer.from(firstPage, 'base64'), heads: known as Record<Stream, number> };
  } catch {
    return null;
  }
}

function guidePath(path: string): string {
  return `${path}.guide`;
}
