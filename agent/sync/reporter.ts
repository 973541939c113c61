/** Publishes what the device runs: soon after a change, and every ten seconds while connected. */
import type { Reported } from '../../protocol/messages.ts';
import { topics } from '../../protocol/topics.ts';
import type { MqttLink } from './mqtt-link.ts';
import type { Refusals } from './refusals.ts';

const SETTLE_MS = 250;
const EVERY_MS = 10_000;

export interface ReporterDeps {
  readonly device: string;
  readonly link: Pick<MqttLink, 'publish'>;
  readonly reported: () => Reported;
  readonly refusals: Pick<Refusals, 'refuse'>;
}

export class Reporter {
  readonly #deps: ReporterDeps;
  #settleTimer: NodeJS.Timeout | undefined;
  #everyTimer: NodeJS.Timeout | undefined;

  constructor(deps: ReporterDeps) {
    this.#deps = deps;
  }

  /** The link is up. */
  start(): void {
    this.#everyTimer = setInterval(() => this.#publish(), EVERY_MS);
    this.#publish();
  }

  /** The link is down. */
  stop(): void {
    clearTimeout(this.#settleTimer);
    clearInterval(this.#everyTimer);
    this.#settleTimer = undefined;
    this.#everyTimer = undefined;
  }

  /** Something to report has changed; offline, the next connect reports it. */
  changed(): void {
    if (this.#everyTimer === undefined) return;
    this.#settleTimer ??= setTimeout(() => this.#publish(), SETTLE_MS);
  }

  #publish(): void {
    clearTimeout(this.#settleTimer);
    this.#settleTimer = undefined;
    const { link, device, reported, refusals } = this.#deps;
    try {
      const message = JSON.stringify(reported());
      // Lost with the link: `start` publishes the state of then.
      link.publish(topics.reported(device), message, { retain: true }).catch(() => undefined);
    } catch (error) {
      refusals.refuse(error, 'what this device would report');
    }
  }
}
