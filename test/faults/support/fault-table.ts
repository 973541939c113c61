/** docs/faults.md: what each fault of the long form led to, a row a fault. A test replaces its own row and no other. */
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot, waitFor } from '../../support/processes.ts';
import { isLong } from './form.ts';
import type { Outcome } from './outcome.ts';

export interface FaultRow extends Outcome {
  /** Begins with the number of its group, by which the table is sorted: `1 agent killed`. */
  readonly fault: string;
  readonly times: number;
  /** Where an operator sees it: codes and counts, times, in words. */
  readonly seen: string;
}

const FILE = join(projectRoot, 'docs', 'faults.md');
const LOCK = `${FILE}.lock`;
const HEAD = `# What faults did

Written by \`npm run faults\`, which injects each fault into real processes and real files and counts what became of every
sample. \`npm test\` plays a short form of the same. *Lost*: samples with no record that no counter tells of. *Doubled*:
samples with two. *Seen*: what the page of the device or the console of the server shows of it.

| fault | times | made | recorded | at server | lost | doubled | seen |
|---|---:|---:|---:|---:|---:|---:|---|
`;

/** In the short form: nothing. */
export async function tabulate(row: FaultRow): Promise<void> {
  if (!isLong) return;
  // Test files run beside each other.
  await waitFor(takeLock, 10_000, LOCK);
  try {
    const others = rowsOfFile().filter((line) => !line.startsWith(`| ${row.fault} |`));
    writeFileSync(FILE, `${HEAD}${[...others, lineOf(row)].sort().join('\n')}\n`);
  } finally {
    rmSync(LOCK);
  }
}

function lineOf({ fault, times, made, recorded, atServer, lost, doubled, seen }: FaultRow): string {
  const numbers = [times, made, recorded, atServer, lost, doubled].map((n) => n?.toLocaleString('en') ?? '–');
  return `| ${[fault, ...numbers, seen].join(' | ')} |`;
}

function rowsOfFile(): string[] {
  if (!existsSync(FILE)) return [];
  return readFileSync(FILE, 'utf8')
    .split('\n')
    .filter((line) => /^\| \d/.test(line));
}

function takeLock(): boolean {
  try {
    closeSync(openSync(LOCK, 'wx'));
    return true;
  } catch {
    return false;
  }
}
