/**
 * Loaded into an agent process before its program: sees every step that can outlive a power cut, writes it down, and ends
 * the process with SIGKILL right before or after the one that a test chose. It hooks node:fs, better-sqlite3 and the
 * engine's channel, and knows no function of ours.
 */
import childProcess from 'node:child_process';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join, relative, sep } from 'node:path';
import Database from 'better-sqlite3';
import type { Armed, FileStep, Step, StepsEnv } from './steps.ts';

type AnyFunction = (...args: never[]) => unknown;
type Side = Armed['side'];

const ROOMS = ['packages', 'chunks'];
const ROW_KEYS = /^(models|sync|trust)\//;
/** Taken before anything is hooked: what the hooks do themselves is no step. */
const plain = { ...fs };
const { dataDir, log, arm } = JSON.parse(process.env.ANDON_STEPS ?? '{}') as StepsEnv;
let nested = 0;
let armed: Armed | undefined;
let seen = 0;

if (dataDir && !process.argv[1]?.includes('engine-main')) hookAll(plain.openSync(log, 'a'));

function hookAll(fd: number): void {
  const write = (step: Step) => void plain.writeSync(fd, `${JSON.stringify(step)}\n`);

  const around = <T>(label: string, work: () => T, steps: () => readonly Step[]): T => {
    if (nested > 0) return work();
    const at = count(label);
    meet(at, 'before');
    nested += 1;
    let result: T;
    try {
      result = work();
    } finally {
      nested -= 1;
    }
    const done = <V>(value: V): V => {
      for (const step of steps()) write(step);
      write({ kind: 'point', label });
      meet(at, 'after');
      return value;
    };
    return result instanceof Promise ? (result.then(done) as T) : done(result);
  };

  hookFiles(around, write);
  hookRows(around);
  hookEngine(around);
  syncBuiltinESMExports();
}

type Around = <T>(label: string, work: () => T, steps: () => readonly Step[]) => T;

/** @returns whether this is the step that was chosen */
function count(label: string): boolean {
  let wanted: Armed | undefined;
  try {
    wanted = JSON.parse(plain.readFileSync(arm, 'utf8')) as Armed;
  } catch {
    return false;
  }
  if (wanted.token !== armed?.token) {
    armed = wanted;
    seen = 0;
  }
  if (wanted.label !== label) return false;
  seen += 1;
  return seen === wanted.nth;
}

function meet(isChosen: boolean, side: Side): void {
  if (isChosen && armed?.side === side) process.kill(process.pid, 'SIGKILL');
}

function hookFiles(around: Around, write: (step: Step) => void): void {
  const promises = fs.promises as unknown as Record<string, AnyFunction>;
  const sync = fs as unknown as Record<string, AnyFunction>;
  const openFiles = new Map<number, string>();
  let syncs = 0;

  const hook = (
    label: string,
    where: Record<string, AnyFunction>,
    name: string,
    stepsOf: (...args: never[]) => readonly FileStep[],
  ) => {
    const original = where[name] as AnyFunction;
    where[name] = (...args: never[]) => {
      const steps = typeof args[0] === 'string' && isOurs(args[0]) ? stepsOf(...args) : [];
      if (steps.length === 0) return original(...args);
      return around(
        labelOf(label, ...(args as unknown[])),
        () => original(...args),
        () => steps,
      );
    };
  };
  const both = (name: string, stepsOf: (...args: never[]) => readonly FileStep[]) => {
    hook(name, promises, name, stepsOf);
    hook(name, sync, `${name}Sync`, stepsOf);
  };
  both('mkdir', (path: string) =>
    plain.existsSync(path) ? [] : [{ kind: 'file', op: 'mkdir', path: short(path) }],
  );
  both('rename', (path: string, to: string) => [
    { kind: 'file', op: 'rename', path: short(path), to: short(to) },
  ]);
  for (const name of ['rm', 'unlink', 'rmdir'])
    both(name, (path: string) =>
      treeOf(path).map((each) => ({ kind: 'file', op: 'remove', path: short(each) })),
    );
  both('writeFile', (path: string, data: string | Uint8Array) => [
    { kind: 'file', op: 'create', path: short(path) },
    { kind: 'file', op: 'write', path: short(path), data: Buffer.from(data as string).toString('base64') },
  ]);
  both('truncate', (path: string) => [{ kind: 'file', op: 'create', path: short(path) }]);

  /** What a folder or file holds when its sync begins is what is safe when it has ended. */
  const syncing = <T>(path: string, work: () => T): T => {
    const id = ++syncs;
    const step: FileStep = { kind: 'file', op: 'sync', path: short(path), id };
    return around(
      labelOf('fsync', path),
      () => {
        write({ ...step, op: 'sync-begins' });
        return work();
      },
      () => [step],
    );
  };
  const writes = (flags: unknown) => typeof flags === 'string' && /[wa+]/.test(flags);

  const open = plain.promises.open;
  Object.assign(fs.promises, {
    open: async (...args: Parameters<typeof open>) => {
      const path = String(args[0]);
      if (!isOurs(path)) return open(...args);
      const created: FileStep = { kind: 'file', op: 'create', path: short(path) };
      const handle = writes(args[1])
        ? await around(
            labelOf('open', path),
            () => open(...args),
            () => [created],
          )
        : await open(...args);
      const { sync: syncIt, datasync, writeFile } = handle;
      return Object.assign(handle, {
        sync: () => syncing(path, () => syncIt.call(handle)),
        datasync: () => syncing(path, () => datasync.call(handle)),
        writeFile: (data: string | Uint8Array) => {
          const written = Buffer.from(data as string).toString('base64');
          const step: FileStep = { kind: 'file', op: 'write', path: short(path), data: written };
          return around(
            labelOf('write', path),
            () => writeFile.call(handle, data),
            () => [step],
          );
        },
      });
    },
  });
  Object.assign(fs, {
    openSync: (...args: Parameters<typeof fs.openSync>) => {
      const path = String(args[0]);
      const isStep = isOurs(path) && writes(args[1]);
      const created: FileStep = { kind: 'file', op: 'create', path: short(path) };
      const fd = isStep
        ? around(
            labelOf('open', path),
            () => plain.openSync(...args),
            () => [created],
          )
        : plain.openSync(...args);
      if (isOurs(path)) openFiles.set(fd, path);
      else openFiles.delete(fd);
      return fd;
    },
    fsyncSync: (fd: number) => {
      const path = openFiles.get(fd);
      return path ? syncing(path, () => plain.fsyncSync(fd)) : plain.fsyncSync(fd);
    },
  });
}

function hookRows(around: Around): void {
  const { prototype } = Database as unknown as { prototype: { prepare: AnyFunction } };
  const prepare = prototype.prepare as (sql: string) => { run: (...args: unknown[]) => unknown };
  /** Keys of rows in the open transaction. */
  let open: Step[] = [];
  prototype.prepare = function (this: unknown, sql: string) {
    const statement = prepare.call(this, sql);
    const run = statement.run.bind(statement);
    if (/^(INSERT INTO|DELETE FROM) states\b/.test(sql)) {
      statement.run = (...args: unknown[]) => {
        const [key, value = null] = args as [string, (string | null)?];
        if (!ROW_KEYS.test(key)) return run(...args);
        open.push({ kind: 'row', key, value });
        return around(
          `row ${key}`,
          () => run(...args),
          () => [],
        );
      };
    } else if (sql === 'COMMIT') {
      statement.run = (...args: unknown[]) => {
        const rows = open;
        open = [];
        if (rows.length === 0) return run(...args);
        const keys = rows.map((row) => (row.kind === 'row' ? row.key : ''));
        return around(
          `commit ${keys.join(' ')}`,
          () => run(...args),
          () => rows,
        );
      };
    }
    return statement;
  } as AnyFunction;
}

function hookEngine(around: Around): void {
  const { fork } = childProcess;
  Object.assign(childProcess, {
    fork: (...args: Parameters<typeof fork>) => {
      const child = fork(...args);
      const send = child.send.bind(child) as (message: unknown) => boolean;
      return Object.assign(child, {
        send: (message: { readonly kind?: string }) => {
          const { kind } = message;
          if (kind !== 'load' && kind !== 'unload') return send(message);
          return around(
            `engine ${kind}`,
            () => send(message),
            () => [],
          );
        },
      });
    },
  });
}

function isOurs(path: string): boolean {
  if (path === dataDir) return true;
  return ROOMS.some((room) => path === join(dataDir, room) || path.startsWith(join(dataDir, room) + sep));
}

function short(path: string): string {
  return relative(dataDir, path).split(sep).join('/');
}

/** What removing this path removes, children first. */
function treeOf(path: string): string[] {
  if (!plain.existsSync(path)) return [];
  if (!plain.lstatSync(path).isDirectory()) return [path];
  return [...plain.readdirSync(path).flatMap((name) => treeOf(join(path, name))), path];
}

/** Hashes and random names differ from run to run; what is done to them does not. */
function labelOf(name: string, ...args: readonly unknown[]): string {
  const paths = args
    .filter((each) => typeof each === 'string' && isOurs(each))
    .map((each) => short(String(each)));
  const shapes = paths.map((each) => each.replace(/[0-9a-f]{64}/g, '#').replace(/[0-9a-f-]{36}/g, '*'));
  return [name, ...shapes].join(' ');
}
