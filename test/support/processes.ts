/** Starts real processes of ours (agent, server) as an operator's machine would, and reads their JSON log lines. */
import { type ChildProcess, spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const projectRoot = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

export interface LogLine {
  readonly event?: string;
  readonly [key: string]: unknown;
}

export class RunningProcess {
  readonly child: ChildProcess;
  readonly lines: LogLine[] = [];
  #output = '';
  readonly #exited: Promise<number | null>;

  constructor(child: ChildProcess) {
    this.child = child;
    let rest = '';
    child.stdout?.on('data', (bytes: Buffer) => {
      const parts = (rest + bytes.toString()).split('\n');
      rest = parts.pop() ?? '';
      for (const part of parts) this.#take(part);
    });
    child.stderr?.on('data', (bytes: Buffer) => {
      this.#output = (this.#output + bytes.toString()).slice(-20_000);
    });
    this.#exited = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
  }

  /** The first log line with this `event`, already seen or yet to come. Rejects with the process's output when it ends first. */
  async logged(event: string, withinMs = 30_000): Promise<LogLine> {
    const found = () => this.lines.find((line) => line.event === event);
    await waitFor(
      () => found() !== undefined || this.ended,
      withinMs,
      () => `log event "${event}"\n${this.output()}`,
    );
    const line = found();
    if (!line) throw new Error(`the process ended before it logged "${event}":\n${this.output()}`);
    return line;
  }

  get ended(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Sends the signal and waits for the end. @returns exit code, null after a signal */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (!this.ended) this.child.kill(signal);
    return this.#exited;
  }

  output(): string {
    return this.#output;
  }

  #take(text: string): void {
    this.#output = `${this.#output}${text}\n`.slice(-20_000);
    if (text.startsWith('{')) this.lines.push(JSON.parse(text) as LogLine);
  }
}

/**
 * @param entry project-relative TypeScript file, for example `agent/start.ts`, or JavaScript that was built of it
 * @param inside command that becomes it, for example `ip netns exec line`
 */
export function startProcess(
  entry: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  inside: readonly string[] = [],
): RunningProcess {
  const loader = entry.endsWith('.ts') ? ['--import', 'tsx'] : [];
  const [program = '', ...rest] = [...inside, process.execPath, ...loader, join(projectRoot, entry), ...args];
  const child = spawn(program, rest, {
    cwd: projectRoot,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return new RunningProcess(child);
}

/** Waits until `condition` holds, looking every 20 ms. */
export async function waitFor(
  condition: () => boolean | Promise<boolean>,
  withinMs: number,
  what: string | (() => string),
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadline) {
      throw new Error(`waited ${withinMs} ms in vain for ${typeof what === 'string' ? what : what()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
