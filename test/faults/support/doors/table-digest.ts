/** What a database holds, table by table, in a few characters each: to see that nothing in it has changed. */
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';

/** Reads a copy: a device's database belongs to its agent alone. @param besides tables that are not looked at */
export function digestTables(file: string, besides: readonly string[] = []): Record<string, string> {
  const folder = mkdtempSync(join(tmpdir(), 'andon-digest-'));
  const copy = join(folder, 'copy.db');
  for (const tail of ['', '-wal']) if (existsSync(file + tail)) copyFileSync(file + tail, copy + tail);
  const database = new Database(copy);
  try {
    const names = database
      .prepare<[], string>("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
      .pluck()
      .all();
    const digest = (name: string) => {
      const rows = database.prepare(`SELECT * FROM "${name}"`).raw().all();
      return `${rows.length} ${createHash('sha256').update(JSON.stringify(rows)).digest('base64').slice(0, 8)}`;
    };
    return Object.fromEntries(
      names.filter((name) => !besides.includes(name)).map((name) => [name, digest(name)]),
    );
  } finally {
    database.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

export function changedTables(before: Record<string, string>, after: Record<string, string>): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names]
    .filter((name) => before[name] !== after[name])
    .map((name) => `${name}: ${before[name]}, then ${after[name]}`);
}
