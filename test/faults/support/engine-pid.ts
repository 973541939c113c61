/** Finds the engine process of an agent, as an outsider with a kill command would. */
import { execFileSync } from 'node:child_process';

/** Process id of the engine that runs under this agent; undefined while there is none. */
export function enginePid(agentPid: number): number | undefined {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat=,args='], {
    encoding: 'utf8',
    timeout: 60_000,
  }).split('\n');
  for (const line of lines) {
    const [pid, parent, stat, ...args] = line.trim().split(/\s+/);
    const isEngine = Number(parent) === agentPid && args.join(' ').includes('engine-main');
    if (isEngine && !stat?.startsWith('Z')) return Number(pid);
  }
  return undefined;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
