/** docs/faults.md: what each fault of the long form led to, a row a fault. A test replaces its own row and no other. */
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot, waitFor } from '../../support/processes.ts';
import {
  DOORS,
  type DoorRow,
  ENGINE,
  type EngineRow,
  type FaultRow,
  FUZZ,
  type FuzzRow,
  SAMPLES,
  SECTIONS,
  type Section,
  UPDATES,
  type UpdateRow,
} from './fault-sections.ts';
import { isLong } from './form.ts';

const FILE = join(projectRoot, 'docs', 'faults.md');
const LOCK = `${FILE}.lock`;

/** In the short form: nothing. */
export function tabulate(row: FaultRow): Promise<void> {
  return write(SAMPLES, row);
}

/** In the short form: nothing. */
export function tabulateEngine(row: EngineRow): Promise<void> {
  return write(ENGINE, row);
}

/** In the short form: nothing. */
export function tabulateUpdate(row: UpdateRow): Promise<void> {
  return write(UPDATES, row);
}

/** In the short form: nothing. */
export function tabulateDoor(row: DoorRow): Promise<void> {
  return write(DOORS, row);
}

/** In the short form: nothing. */
export function tabulateFuzz(row: FuzzRow): Promise<void> {
  return write(FUZZ, row);
}

async function write<Row>(section: Section<Row>, row: Row): Promise<void> {
  if (!isLong) return;
  // Test files run beside each other.
  await waitFor(takeLock, 10_000, LOCK);
  try {
    const line = lineOf(section.cells(row));
    const name = line.split(' | ')[0];
    const page = SECTIONS.map((each, i) => {
      const rows = rowsOf(each.title);
      const isItsOwn = each.title === section.title;
      const kept = isItsOwn ? rows.filter((other) => other.split(' | ')[0] !== name) : rows;
      return sectionText(each, isItsOwn ? [...kept, line] : kept, i === 0);
    });
    writeFileSync(FILE, page.filter((text) => text !== '').join('\n'));
  } finally {
    rmSync(LOCK);
  }
}

function sectionText(
  { title, about, columns }: Pick<Section<never>, 'title' | 'about' | 'columns'>,
  rows: readonly string[],
  isFirst: boolean,
): string {
  if (rows.length === 0) return '';
  const names = columns.map((column) => column.replace(/:$/, ''));
  const rule = columns.map((column) => (column.endsWith(':') ? '---:' : '---'));
  const table = [`| ${names.join(' | ')} |`, `|${rule.join('|')}|`, ...[...rows].sort()];
  return `${isFirst ? '#' : '##'} ${title}\n\n${about}\n\n${table.join('\n')}\n`;
}

function lineOf(cells: readonly (string | number | null)[]): string {
  const words = cells.map((cell) => (typeof cell === 'number' ? cell.toLocaleString('en') : (cell ?? '–')));
  return `| ${words.join(' | ')} |`;
}

/** Rows of the file's table under this title. */
function rowsOf(title: string): string[] {
  if (!existsSync(FILE)) return [];
  const sections = readFileSync(FILE, 'utf8').split(/^#+ /m);
  const lines = sections.find((text) => text.startsWith(`${title}\n`))?.split('\n') ?? [];
  return lines.filter((line) => line.startsWith('| ')).slice(1);
}

function takeLock(): boolean {
  try {
    closeSync(openSync(LOCK, 'wx'));
    return true;
  } catch {
    return false;
  }
}
