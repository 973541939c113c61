/** One engine process from fork to close: speaks its messages, and tells how it ended. */
import { type ChildProcess, fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { extname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Logger } from 'pino';
import { type EngineAnswer, type EngineRequest, parseAnswer } from './engine-messages.ts';

/** `crash`: it ended by its own fault. `killed`: someone outside ended it (the kernel for lack of memory, a person). */
export interface EngineEnd {
  readonly cause: 'crash' | 'killed';
  /** For people: signal or exit code, and the last it wrote to stderr. */
  readonly text: string;
}

export interface EngineChildDeps {
  readonly threads: number;
  /** The child's program, if not engine-main beside this file. */
  readonly entry?: URL | undefined;
  readonly log: Logger;
  readonly onAnswer: (answer: EngineAnswer) => void;
  /** Called once, after every answer that it gave was delivered. */
  readonly onEnd: (end: EngineEnd) => void;
}

const OUTSIDE_SIGNALS: readonly (string | null)[] = ['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP'];

/** ONNX Runtime writes a line for each run that fails: years of that would fill the log. */
const MAX_LINES_LOGGED = 200;

export class EngineChild {
  readonly #deps: EngineChildDeps;
  #process: ChildProcess | undefined;
  #lastWords = '';
  #linesLogged = 0;
  #ended = false;
  #disconnected = false;
  /** Set once the process is gone, maybe before its channel was read to the end. */
  #exit: (() => void) | undefined;

  constructor(deps: EngineChildDeps) {
    this.#deps = deps;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** @throws Error when the system gives no process (ENOMEM) */
  start(): void {
    const { entry, threads, log, onAnswer, onEnd } = this.#deps;
    const path = fileURLToPath(entry ?? new URL(`./engine-main${extname(import.meta.url)}`, import.meta.url));
    const child = fork(path, [String(threads)], {
      execArgv: loaderOf(path),
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#process = child;
    child.on('message', (message) => onAnswer(parseAnswer(message)));
    const end = (code: number | null, signal: string | null): void => {
      if (this.#ended) return;
      this.#ended = true;
      const cause = OUTSIDE_SIGNALS.includes(signal) ? 'killed' : 'crash';
      const how = signal ?? `exit code ${code}`;
      onEnd({ cause, text: this.#lastWords ? `${how}: ${this.#lastWords}` : how });
    };
    // `close` comes after the channel was read to its end, `exit` may come before; it never comes when this side disconnects.
    child.on('close', end);
    child.on('exit', (code, signal) => {
      this.#exit = () => end(code, signal);
      if (this.#disconnected) this.#exit();
    });
    // A failed send shows itself as the end of the process; a failed fork has no other sign than this.
    child.on('error', (error) => {
      this.#lastWords = error.message;
      if (child.pid === undefined) end(null, null);
    });
    if (child.stderr) {
      createInterface({ input: child.stderr }).on('line', (line) => {
        this.#lastWords = line.slice(0, 300);
        this.#linesLogged += 1;
        if (this.#linesLogged <= MAX_LINES_LOGGED)
          log.warn({ event: 'engine-stderr', text: this.#lastWords });
      });
    }
  }

  send(request: EngineRequest): void {
    this.#process?.send(request);
  }

  kill(): void {
    this.#process?.kill('SIGKILL');
  }

  /** The process ends itself when its channel closes. */
  disconnect(): void {
    this.#disconnected = true;
    if (this.#process?.connected) this.#process.disconnect();
    this.#exit?.();
  }
}

/** TypeScript sources need tsx in the child too; built files need nothing. */
function loaderOf(path: string): string[] {
  if (extname(path) !== '.ts') return [];
  return ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href];
}
