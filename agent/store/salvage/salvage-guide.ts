/**
 * `<database>.guide`: what a salvage needs to know when the database cannot say it any more: its first page, which holds
 * the names and places of the tables; what the predictions have in common, without which none of them can be read; and how
 * far each stream went. Written now and then, and when a run ends well.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { STREAMS, type Stream } from '../../../protocol/records.ts';

/** Place of `user_version` in the header of a database. */
const VERSION_AT = 60;

const heads = z.record(z.enum(STREAMS), z.int().min(0));
const contexts = z.array(z.array(z.union([z.string(), z.number()])).max(16)).max(50_000);
const guideSchema = z.object({
  v: z.literal(1),
  firstPage: z.base64().max(100_000),
  tables: z.string(),
  heads,
  acked: heads,
  epoch: z.string(),
  contexts,
});

export interface SalvageGuide {
  readonly firstPage: Buffer;
  /** Of the tables, as the first page has it. */
  readonly version: number;
  /** Names and places of the tables, as `tablesOf` says them. */
  readonly tables: string;
  /** Last seq of each stream that is known to have been given out. */
  readonly heads: Readonly<Record<Stream, number>>;
  /** Up to here a server had each stream. */
  readonly acked: Readonly<Record<Stream, number>>;
  readonly epoch: string;
  /** Rows of the table, in the order of its columns. */
  readonly contexts: readonly (readonly (string | number)[])[];
}

export type KnownNow = Omit<SalvageGuide, 'firstPage' | 'version'>;

/** @param path of the database @throws errors of the file system */
export function writeGuide(path: string, firstPage: Buffer, known: KnownNow): void {
  const guide = { v: 1, firstPage: firstPage.toString('base64'), ...known };
  writeFileSync(`${guidePath(path)}.part`, JSON.stringify(guide), { flush: true });
  renameSync(`${guidePath(path)}.part`, guidePath(path));
}

/** @returns null when there is none that can be read */
export function readGuide(path: string): SalvageGuide | null {
  try {
    const guide = guideSchema.parse(JSON.parse(readFileSync(guidePath(path), 'utf8')));
    const firstPage = Buffer.from(guide.firstPage, 'base64');
    return { ...guide, firstPage, version: firstPage.readUInt32BE(VERSION_AT) };
  } catch {
    return null;
  }
}

function guidePath(path: string): string {
  return `${path}.guide`;
}
