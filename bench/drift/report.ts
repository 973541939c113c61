/** The tables of docs/drift.md, written between its markers: what the replays and the simulation gave, the same on every machine. */
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Found, Untouched } from './injections.ts';

const PAGE = resolve(import.meta.dirname, '..', '..', 'docs', 'drift.md');

export interface InjectedRow extends Found {
  readonly data: string;
  readonly window: number;
  readonly words: string;
}

export interface UntouchedRow extends Untouched {
  readonly data: string;
  readonly window: number;
}

export interface ChanceRow {
  readonly window: number;
  /** Share of single judgements over the threshold. */
  readonly over: number;
  readonly judgements: number;
}

export interface AlarmsRow {
  readonly memory: number;
  readonly window: number;
  readonly features: number;
  readonly samples: number;
  readonly alarms: number;
}

export function injectedTable(rows: readonly InjectedRow[]): string {
  return table(
    ['held-out data', 'window', 'put in', 'runs', 'found', 'median, samples', '95 % within', 'never found'],
    rows.map((row) => [
      row.data,
      row.window,
      row.words,
      row.runs,
      percent(row.share),
      row.share > 0 ? row.medianSamples : '–',
      row.share > 0 ? row.p95Samples : '–',
      row.never.map((name) => `\`${name}\``).join(', ') || '–',
    ]),
  );
}

export function untouchedTable(rows: readonly UntouchedRow[]): string {
  return table(
    ['held-out data, untouched', 'window', 'samples', 'alarms', 'a 10,000 samples'],
    rows.map((row) => [row.data, row.window, row.samples, row.alarms, row.per10k.toFixed(2)]),
  );
}

export function chanceTable(rows: readonly ChanceRow[]): string {
  return table(
    ['window', 'judgements', 'over the threshold of chance', 'stated'],
    rows.map(({ window, judgements, over }) => [window, judgements, over.toExponential(1), '1.0e-4']),
  );
}

export function alarmsTable(rows: readonly AlarmsRow[]): string {
  return table(
    ['neighbours’ correlation', 'inputs', 'window', 'samples', 'alarms'],
    rows.map((row) => [row.memory, row.features, row.window, row.samples, row.alarms]),
  );
}

/** Replaces what stands between `<!-- name -->` and `<!-- /name -->`. */
export function writeTables(tables: Readonly<Record<string, string>>): void {
  let page = readFileSync(PAGE, 'utf8');
  for (const [name, text] of Object.entries(tables)) {
    const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
    const [from, to] = [page.indexOf(begin), page.indexOf(end)];
    if (from < 0 || to < from) throw new Error(`docs/drift.md has no place for the table "${name}"`);
    page = `${page.slice(0, from + begin.length)}\n${text}\n${page.slice(to)}`;
  }
  writeFileSync(PAGE, page);
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) =>
    `| ${cells.map((cell) => (typeof cell === 'number' ? cell.toLocaleString('en') : cell)).join(' | ')} |`;
  const sides = head.map((_, i) => (typeof rows[0]?.[i] === 'number' ? '---:' : '---'));
  return [line(head), `|${sides.join('|')}|`, ...rows.map(line)].join('\n');
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
