/**
 * Tells systemd how a service is, by the sd_notify protocol: datagrams to the unix socket that NOTIFY_SOCKET names. Node has no
 * such sockets, so `systemd-notify` sends them; a small shell holds it ready, because starting a process from here would hold
 * up the event loop for milliseconds each time. Without NOTIFY_SOCKET nothing happens.
 */
import { type ChildProcess, spawn } from 'node:child_process';

/** One line in, one message out; ends with its input, not with the signal that systemd gives to a whole service. */
const FORWARD = 'trap "" TERM INT; while IFS= read -r line; do systemd-notify "$line" || exit 1; done';
/** What a status line may have; systemd shows one line. */
const MAX_STATUS_CHARS = 200;

export interface ServiceManagerOptions {
  readonly env: NodeJS.ProcessEnv;
  /** It cannot be told, as there is no systemd-notify or nobody at the socket. Called once. */
  readonly onError: (error: Error) => void;
}

export class ServiceManager {
  /** How often at least it wants to hear `alive`; undefined: never. */
  readonly watchdogMs: number | undefined;
  readonly #options: ServiceManagerOptions;
  #forwarder: ChildProcess | undefined;
  #failed = false;
  #status = '';

  constructor(options: ServiceManagerOptions) {
    this.#options = options;
    const { NOTIFY_SOCKET, WATCHDOG_USEC } = options.env;
    const watchdogUs = Number(WATCHDOG_USEC);
    this.watchdogMs = NOTIFY_SOCKET && watchdogUs > 0 ? watchdogUs / 1000 : undefined;
  }

  /** Whether there is one. */
  get listens(): boolean {
    return Boolean(this.#options.env.NOTIFY_SOCKET);
  }

  /** The service does its work. */
  ready(): void {
    this.#send('READY=1');
  }

  /** It is still starting, and not hung. @param forMs from now, what it may take before it must say so again */
  starting(forMs: number): void {
    this.#send(`EXTEND_TIMEOUT_USEC=${Math.round(forMs * 1000)}`);
  }

  alive(): void {
    this.#send('WATCHDOG=1');
  }

  stopping(): void {
    this.#send('STOPPING=1');
  }

  /** For `systemctl status`; what it says already is not sent again. */
  status(words: string): void {
    const status = words.replaceAll(/\s+/g, ' ').slice(0, MAX_STATUS_CHARS);
    if (status === this.#status) return;
    this.#status = status;
    this.#send(`STATUS=${status}`);
  }

  /** Sends what was said, then lets go. */
  end(): void {
    this.#forwarder?.stdin?.end();
    this.#forwarder = undefined;
  }

  #send(line: string): void {
    if (!this.listens) return;
    this.#forwarder ??= this.#start();
    this.#forwarder.stdin?.write(`${line}\n`);
  }

  #start(): ChildProcess {
    const { env, onError } = this.#options;
    const forwarder = spawn('/bin/sh', ['-c', FORWARD], { env, stdio: ['pipe', 'ignore', 'ignore'] });
    const failed = (error: Error) => {
      if (this.#forwarder !== forwarder) return;
      this.#forwarder = undefined;
      if (!this.#failed) onError(error);
      this.#failed = true;
    };
    forwarder.on('error', failed);
    forwarder.on('exit', () => failed(new Error('systemd-notify could not tell the service manager')));
    // What was not taken is told by its exit.
    forwarder.stdin?.on('error', () => undefined);
    // It ends with its input, and must not keep this process from ending.
    forwarder.unref();
    return forwarder;
  }
}
