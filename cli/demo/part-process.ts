/** One process of the demo, its log file, and what is said when it ends by itself. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { cliError } from '../errors.ts';
import { entryOf, type Part, projectRoot } from '../project.ts';
import { lastWords } from './last-words.ts';

/** SIGKILL comes this long after SIGTERM. */
const STOP_WITHIN_MS = 4500;

export interface PartOptions {
  readonly name: string;
  readonly part: Part;
  readonly configFile: string;
  readonly logFile: string;
  /** Node's own flags, as for this process: tsx when it runs from sources. */
  readonly execArgv: readonly string[];
  /** Called once when it ended although nobody stopped it. */
  readonly onDeath: (error: Error) => void;
}

export class PartProcess {
  readonly #options: PartOptions;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #stopping = false;

  constructor(options: PartOptions) {
    this.#options = options;
  }

  start(): void {
    const { part, configFile, logFile, execArgv } = this.#options;
    const log = openSync(logFile, 'w');
    try {
      const child = spawn(process.execPath, [...execArgv, entryOf(part), '--config', configFile], {
        cwd: projectRoot,
        env: { ...process.env, ANDON_DEMO: '1' },
        stdio: ['ignore', log, log],
      });
      this.#child = child;
      this.#ended = new Promise((resolve) => {
        child.on('error', (cause) => this.#died(`could not be started: ${cause.message}`, resolve));
        child.on('exit', (code, signal) =>
          this.#died(signal ? `was ended by ${signal}` : `ended with code ${code}`, resolve),
        );
      });
    } finally {
      closeSync(log);
    }
  }

  /** Asks it to end, and makes it after 4.5 s. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    const timeout = new AbortController();
    const kill = sleep(STOP_WITHIN_MS, undefined, { signal: timeout.signal }).then(
      () => child.kill('SIGKILL'),
      () => false,
    );
    await this.#ended;
    timeout.abort();
    await kill;
  }

  #died(how: string, resolve: () => void): void {
    resolve();
    if (this.#stopping) return;
    this.#stopping = true;
    const { name, logFile, onDeath } = this.#options;
    const { lines, hint } = lastWords(readFileSync(logFile, 'utf8'));
    const end = lines.map((line) => `\n    ${line}`).join('') || ' empty.';
    onDeath(
      cliError('DEMO_PART_FAILED', `${name} ${how}. The end of its log:${end}`, {
        hint: `${hint ?? 'Nobody asked it to.'} The whole log: ${logFile}`,
      }),
    );
  }
}
