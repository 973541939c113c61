/** One engine process from fork to close: speaks its messages, and tells how it ended. */
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { Logger } from 'pino';
import { type EngineAnswer, type EngineRequest, parseAnswer } from './engine-messages.ts';
import { ANSWERS_FD, REQUESTS_FD, spawnEngine } from './engine-spawn.ts';
import { FrameReader, frameOf } from './frame.ts';
import type { EngineOptions } from './session-options.ts';

/** `crash`: it ended by its own fault. `killed`: someone outside ended it (the kernel for lack of memory, a person). */
export interface EngineEnd {
  readonly cause: 'crash' | 'killed';
  /** For people: signal or exit code, and the last it wrote to stderr. */
  readonly text: string;
}

export interface EngineChildDeps {
  readonly options: EngineOptions;
  /** The child's program, if not engine-main. */
  readonly entry?: URL | undefined;
  /** A child that was spawned before and is still to be told its options; one that has ended meanwhile is replaced. */
  readonly spawned?: ChildProcess | undefined;
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
  /** It said what no engine says. */
  #broken = false;

  constructor(deps: EngineChildDeps) {
    this.#deps = deps;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** @throws Error when the system gives no process (ENOMEM) */
  start(): void {
    const { entry, spawned, options, log, onAnswer, onEnd } = this.#deps;
    const child = spawned && isAlive(spawned) ? spawned : spawnEngine(entry);
    this.#process = child;
    const answers = child.stdio[ANSWERS_FD] as Readable | null;
    const reader = new FrameReader((message) => onAnswer(parseAnswer(message)));
    answers?.on('data', (chunk: Buffer) => {
      try {
        if (!this.#broken) reader.push(chunk);
      } catch (error) {
        this.#broken = true;
        this.#lastWords = `it said what no engine says: ${String(error)}`;
        child.kill('SIGKILL');
      }
    });
    const end = (code: number | null, signal: string | null): void => {
      if (this.#ended) return;
      this.#ended = true;
      const cause = OUTSIDE_SIGNALS.includes(signal) && !this.#broken ? 'killed' : 'crash';
      const how = signal ?? `exit code ${code}`;
      onEnd({ cause, text: this.#lastWords ? `${how}: ${this.#lastWords}` : how });
    };
    // After all that it said was read.
    child.on('close', end);
    // A failed spawn has no other sign than this.
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
    if (this.#requests?.writable) this.#requests.write(frameOf({ kind: 'start', options }));
  }

  send(request: EngineRequest): void {
    if (this.#requests?.writable) this.#requests.write(frameOf(request));
  }

  kill(): void {
    this.#process?.kill('SIGKILL');
  }

  /** The process ends itself when nobody can ask it any more; what it was asked before it still answers. */
  disconnect(): void {
    this.#requests?.end();
  }

  get #requests(): Writable | null | undefined {
    return this.#process?.stdio[REQUESTS_FD] as Writable | null | undefined;
  }
}

function isAlive({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return pid !== undefined && exitCode === null && signalCode === null;
}
