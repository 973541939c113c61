/** What the kernel says of a process (proc(5), Linux): its processor time, its memory by kind, what it wrote. */
import { readdirSync, readFileSync } from 'node:fs';

export interface Memory {
  /** All that is in RAM: its own, and pages of files (Node's program, libraries) that processes share. */
  readonly rssBytes: number;
  /** Its own: V8's heap, malloc, stacks. Nothing but its end or its own doing gives it back. */
  readonly ownBytes: number;
}

const TICKS_PER_S = 100;

/** @returns undefined when it ended meanwhile */
export function memoryOf(pid: number): Memory | undefined {
  const text = read(pid, 'smaps_rollup');
  if (text === undefined) return undefined;
  const bytes = (name: string) =>
    1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0);
  return { rssBytes: bytes('Rss'), ownBytes: bytes('Anonymous') };
}

/** User and system time of all its threads, seconds. */
export function cpuSOf(pid: number): number {
  const text = read(pid, 'stat') ?? '';
  // Fields 14 and 15, utime and stime; the second, in brackets, may hold spaces.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / TICKS_PER_S;
}

/** Bytes that it sent to the disk. */
export function writtenBytesOf(pid: number): number {
  return Number(/^write_bytes: (\d+)$/m.exec(read(pid, 'io') ?? '')?.[1] ?? 0);
}

/** The process and all below it. */
export function withChildren(pid: number): number[] {
  const below = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    (read(pid, `task/${task}/children`) ?? '').trim().split(' ').filter(Boolean).map(Number),
  );
  return [pid, ...below.flatMap(withChildren)];
}

export function commandOf(pid: number): string {
  return (read(pid, 'cmdline') ?? '').replaceAll('\0', ' ');
}

/** Whatever is looked at may end between two looks. */
function read(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return undefined;
  }
}
