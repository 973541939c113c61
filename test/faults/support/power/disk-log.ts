/** What a process did to the files of a folder, as disk-recorder.c wrote it down; every such process is started here. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'vitest';
import { projectRoot } from '../../../support/processes.ts';

export type DiskStep =
  | { readonly op: 'create' | 'remove'; readonly path: string }
  /** The path of the folder itself is empty. Syncs may overlap: each has a number of its own. */
  | { readonly op: 'sync-begins' | 'sync'; readonly path: string; readonly sync: number }
  | { readonly op: 'write'; readonly path: string; readonly at: number; readonly bytes: Buffer }
  | { readonly op: 'resize'; readonly path: string; readonly sizeBytes: number }
  | { readonly op: 'rename'; readonly path: string; readonly to: string };

const SOURCE = join(projectRoot, 'test', 'faults', 'support', 'power', 'disk-recorder.c');
const HEAD_BYTES = 17;
const COMPILE_WITHIN_MS = 60_000;

/** `describe`, where there is a C compiler. Where not: skipped with a line that says so, or failed under ANDON_REQUIRE_SYSTEM=1. */
export function describeWithCompiler(name: string, fn: () => void): void {
  if ((process.platform === 'linux' && compiles()) || process.env.ANDON_REQUIRE_SYSTEM === '1') {
    describe(name, fn);
    return;
  }
  console.warn(`skipped "${name}": it needs Linux and a C compiler (Debian: apt-get install gcc libc6-dev)`);
  describe.skip(name, fn);
}

export interface Recording {
  /** Real path of an existing folder; only what happens in it is written down. */
  readonly disk: string;
  readonly logFile: string;
  /** For the compiled recorder. */
  readonly folder: string;
}

/** @param script TypeScript */
export function startRecorded(
  script: string,
  args: readonly string[],
  { disk, logFile, folder }: Recording,
): ChildProcess {
  const library = join(folder, 'disk-recorder.so');
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, SOURCE, '-ldl', '-lpthread'], {
    stdio: 'pipe',
    timeout: COMPILE_WITHIN_MS,
  });
  return spawn(process.execPath, ['--import', 'tsx', script, disk, ...args], {
    env: { ...process.env, LD_PRELOAD: library, ANDON_DISK: disk, ANDON_DISK_LOG: logFile },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}

export function readDiskLog(file: string): DiskStep[] {
  const log = readFileSync(file);
  const steps: DiskStep[] = [];
  for (let at = 0; at < log.length; ) {
    const op = String.fromCharCode(log.readUInt8(at));
    const place = Number(log.readBigInt64LE(at + 1));
    const pathAt = at + HEAD_BYTES;
    const dataAt = pathAt + log.readUInt32LE(at + 9);
    const end = dataAt + log.readUInt32LE(at + 13);
    steps.push(stepOf(op, log.toString('utf8', pathAt, dataAt), place, log.subarray(dataAt, end)));
    at = end;
  }
  return steps;
}

function stepOf(op: string, path: string, place: number, data: Buffer): DiskStep {
  switch (op) {
    case 'C':
      return { op: 'create', path };
    case 'W':
      return { op: 'write', path, at: place, bytes: data };
    case 'T':
      return { op: 'resize', path, sizeBytes: place };
    case 'R':
      return { op: 'rename', path, to: data.toString('utf8') };
    case 'U':
      return { op: 'remove', path };
    case 'B':
      return { op: 'sync-begins', path, sync: place };
    case 'E':
      return { op: 'sync', path, sync: place };
    default:
      throw new Error(`a log with the op "${op}"`);
  }
}

function compiles(): boolean {
  try {
    execFileSync('cc', ['--version'], { stdio: 'pipe', timeout: COMPILE_WITHIN_MS });
    return true;
  } catch {
    return false;
  }
}
