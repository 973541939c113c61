/** What the kernel says a process does (proc(5), Linux). */
import { readFileSync } from 'node:fs';

export interface ProcessState {
  /** By SIGSTOP or a debugger. */
  readonly stopped: boolean;
  /** User and system time of all its threads since it started, milliseconds; in steps of 10. */
  readonly cpuMs: number;
}

/** A clock tick in /proc, whatever the kernel's own is. */
const TICK_MS = 10;

/** @returns undefined where there is no /proc, or no such process */
export function processState(pid: number): ProcessState | undefined {
  try {
    return parseState(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return undefined;
  }
}

/** @param stat a line of /proc/<pid>/stat */
export function parseState(stat: string): ProcessState {
  // The second field is the program's name in brackets, which may hold anything.
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [userTicks, systemTicks] = fields.slice(10, 12).map(Number);
  return {
    stopped: state === 'T' || state === 't',
    cpuMs: ((userTicks ?? 0) + (systemTicks ?? 0)) * TICK_MS,
  };
}
