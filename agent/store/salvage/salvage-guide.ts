/**
 * `<database>.guide`: what a salvage needs to know when the database cannot say it any more: its first page, which holds
 * the names and places of the tables; what the predictions have in common, without which none of them can be read; how far
 * each stream went, and how far sources were read. Behind the checksum of its text. Written now and then, and when a run ends well.
 */
import { createHash } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { STREAMS, type Stream } from '../../../protocol/records.ts';

/** Place of `user_version` in the header of a database. */
const VERSION_AT = 60;

const heads = z.record(z.enum(STREAMS), z.int().min(0));
const rows = z.array(z.array(z.union([z.string(), z.number()])).max(16)).max(50_000);
const guideSchema = z.object({
  v: z.literal(2),
  firstPage: z.base64().max(100_000),
  tables: z.string(),
  heads,
  acked: heads,
  epoch: z.string(),
  contexts: rows,
  positions: rows,
});

export interface SalvageGuide {
  readonly firstPage: Buffer;
  /** Of the tables, as the first page has it. */
  readonly version: number;
  /** Names, places and columns of the tables, as `tablesOf` says them. */
  readonly tables: string;
  /** Last seq of each stream that is known to have been given out. */
  readonly heads: Readonly<Record<Stream, number>>;
  /** Up to here a server had each stream. */
  readonly acked: Readonly<Record<Stream, number>>;
  readonly epoch: string;
  /** Rows of tables, in the order of their columns. */
  readonly contexts: readonly (readonly (string | number)[])[];
  readonly positions: readonly (readonly (string | number)[])[];
}

export type KnownNow = Omit<SalvageGuide, 'firstPage' | 'version'>;

/** @param path of the database @throws errors of the file system */
export function writeGuide(path: string, firstPage: Buffer, known: KnownNow): void {
  const text = JSON.stringify({ v: 2, firstPage: firstPage.toString('base64'), ...known });
  writeFileSync(`${guidePath(path)}.part`, `${sumOf(text)}\n${text}`, { flush: true });
  renameSync(`${guidePath(path)}.part`, guidePath(path));
}

/** @returns null when there is none that can be read, or not as it was written */
export function readGuide(path: string): SalvageGuide | null {
  try {
    const [sum, text = ''] = readFileSync(guidePath(path), 'utf8').split('\n', 2);
    if (sum !== sumOf(text)) return null;
    const guide = guideSchema.parse(JSON.parse(text));
    const firstPage = Buffer.from(guide.firstPage, 'base64');
    return { ...guide, firstPage, version: firstPage.readUInt32BE(VERSION_AT) };
  } catch {
    return null;
  }
}

function sumOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function guidePath(path: string): string {
  return `${path}.guide`;
}
