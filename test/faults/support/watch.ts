/** Looks at a device's page without pause, as a worried operator would, and remembers the worst of it. */
import type { DeviceProcess } from './device-process.ts';

const EVERY_MS = 20;

export class Watch {
  readonly #device: DeviceProcess;
  #stopped = false;
  #running: Promise<void> = Promise.resolve();
  #recorded = 0;
  #changedAtMs = 0;
  /** The longest time in which no new prediction was committed. */
  longestStandstillMs = 0;
  slowestAnswerMs = 0;
  answers = 0;
  readonly failures: string[] = [];

  constructor(device: DeviceProcess) {
    this.#device = device;
  }

  start(): this {
    this.#changedAtMs = performance.now();
    this.#running = this.#look();
    return this;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #look(): Promise<void> {
    while (!this.#stopped) {
      const askedAtMs = performance.now();
      try {
        const recorded = await this.#device.lastSeq();
        const nowMs = performance.now();
        this.answers += 1;
        this.slowestAnswerMs = Math.max(this.slowestAnswerMs, nowMs - askedAtMs);
        this.longestStandstillMs = Math.max(this.longestStandstillMs, nowMs - this.#changedAtMs);
        if (recorded !== this.#recorded) this.#changedAtMs = nowMs;
        this.#recorded = recorded;
      } catch (error) {
        this.failures.push(String(error));
      }
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  }
}
