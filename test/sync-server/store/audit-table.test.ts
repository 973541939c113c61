import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { AuditRow } from '../../../sync-server/store/audit-table.ts';
import { migrations } from '../../../sync-server/store/migrations.ts';
import { openServerStore } from '../../../sync-server/store/server-store.ts';
import { SOON, temporaryFolder, temporaryStore } from '../support.ts';

const entry = (subject: string) => ({ timeMs: 1, who: 'anna', action: 'model-published', subject });

/** A log of `count` rows; `spoil` runs on its file, as someone with the disk could. */
function spoiled(count: number, spoil: (sqlite: BetterSqlite3.Database) => void) {
  const folder = temporaryFolder();
  const store = openServerStore(folder);
  for (let i = 1; i <= count; i++) store.audit.append(entry(`m ${i}`));
  store.close();
  const sqlite = new BetterSqlite3(join(folder, 'server.db'));
  sqlite.exec('DROP TRIGGER audit_unchanged; DROP TRIGGER audit_kept');
  spoil(sqlite);
  sqlite.close();
  return temporaryStore(folder).audit;
}

describe('the audit log', () => {
  it('holds as long as nobody touches it', () => {
    const { audit } = temporaryStore();
    expect(audit.verify()).toEqual({ sound: 0, head: null, brokenAt: null });
    for (const subject of ['a', 'b', 'c']) audit.append(entry(subject));
    expect(audit.verify()).toMatchObject({ sound: 3, head: { id: 3, subject: 'c' }, brokenAt: null });
    expect(audit.newest(2).map(({ subject }) => subject)).toEqual(['c', 'b']);
  });

  it.each([
    ['a changed subject', "UPDATE audit SET subject = 'other' WHERE id = 3", 3],
    ['another name', "UPDATE audit SET who = 'bert' WHERE id = 1", 1],
    ['another time', 'UPDATE audit SET time_ms = 2 WHERE id = 4', 4],
    ['a row taken out', 'DELETE FROM audit WHERE id = 2', 3],
    ['the first row taken out', 'DELETE FROM audit WHERE id = 1', 2],
    [
      'a row put in at the end',
      "INSERT INTO audit (time_ms, who, action, subject) VALUES (1, 'a', 'b', 'c')",
      6,
    ],
    [
      'two rows exchanged',
      'UPDATE audit SET id = 9 WHERE id = 2; UPDATE audit SET id = 2 WHERE id = 3; UPDATE audit SET id = 3 WHERE id = 9',
      2,
    ],
    ['a hash taken away', 'UPDATE audit SET hash = NULL WHERE id = 5', 5],
  ])('shows %s', (_name, sql, brokenAt) => {
    expect(spoiled(5, (sqlite) => sqlite.exec(sql)).verify()).toMatchObject({ brokenAt });
  });

  it('shows that its end was cut off to whoever kept a hash elsewhere', () => {
    const audit = spoiled(5, (sqlite) => sqlite.exec('DELETE FROM audit WHERE id > 3'));
    expect(audit.verify()).toMatchObject({ sound: 3, brokenAt: null });
    expect(audit.hashOf(5)).toBeUndefined();
  });

  it('tells two rows apart whose fields join to the same text', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), fc.string(), (a, b, c, d) => {
        fc.pre(a !== c || b !== d);
        const hashes = [
          [a, b],
          [c, d],
        ].map(([who, subject]) => {
          const { audit } = temporaryStore();
          audit.append({ timeMs: 1, who: who as string, action: 'x', subject: subject as string });
          return audit.hashOf(1);
        });
        expect(hashes[0]).not.toBe(hashes[1]);
      }),
      { numRuns: 5 },
    );
  });

  it('lets no query change or delete a row', () => {
    const folder = temporaryFolder();
    const store = temporaryStore(folder);
    store.audit.append(entry('a'));
    const sqlite = new BetterSqlite3(join(folder, 'server.db'));
    onTestFinished(() => void sqlite.close());
    expect(() => sqlite.exec("UPDATE audit SET who = 'x'")).toThrow('only added to');
    expect(() => sqlite.exec('DELETE FROM audit')).toThrow('only added to');
  });

  it('tells each row once it stands, and none that was taken back', async () => {
    const told: AuditRow[] = [];
    const store = openServerStore(temporaryFolder(), { onAudit: (row) => told.push(row) });
    onTestFinished(() => store.close());
    expect(() =>
      store.transaction(() => {
        store.audit.append(entry('undone'));
        throw new Error('no');
      }),
    ).toThrow();
    store.transaction(() => store.audit.append(entry('done')));
    await vi.waitFor(() => expect(told).toHaveLength(1), SOON);
    expect(told[0]).toMatchObject({ id: 1, subject: 'done', hash: store.audit.hashOf(1) });
  });

  it('takes in the rows of a server that knew no chain', () => {
    const folder = temporaryFolder();
    const step = migrations.findIndex((sql) => sql.includes('ALTER TABLE audit ADD COLUMN hash'));
    const sqlite = new BetterSqlite3(join(folder, 'server.db'));
    for (const sql of migrations.slice(0, step)) sqlite.exec(sql);
    sqlite.exec("INSERT INTO audit (time_ms, action, subject) VALUES (1, 'a', 'x'), (2, 'b', 'y')");
    sqlite.pragma(`user_version = ${step}`);
    sqlite.close();
    const { audit } = temporaryStore(folder);
    audit.append(entry('new'));
    expect(audit.verify()).toMatchObject({ sound: 3, brokenAt: null });
    expect(audit.newest(3).map(({ who }) => who)).toEqual(['anna', 'unknown', 'unknown']);
  });

  it('goes on from a command beside the running server, and the server after it', () => {
    const folder = temporaryFolder();
    const server = temporaryStore(folder);
    server.audit.append(entry('server'));
    const command = openServerStore(folder, { besideServer: true });
    command.audit.append(entry('command'));
    command.close();
    server.audit.append(entry('server again'));
    expect(server.audit.verify()).toMatchObject({ sound: 3, brokenAt: null });
  });
});
