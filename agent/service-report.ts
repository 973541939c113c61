/** Tells the service manager how the agent is: ready when a model serves, alive while the pipeline gets on, and why not in words. */

import type { ServiceManager } from '../daemon/service-manager.ts';
import type { Alarm } from '../protocol/alarms.ts';
import { modelTitle } from '../protocol/manifest.ts';
import type { Clock } from './clock.ts';
import type { ActiveModels } from './models/active-models.ts';

const LOOK_EVERY_MS = 1000;
/** Without a model the agent waits for one, and may do so for ever. */
const STARTING = { everyMs: 30_000, forMs: 120_000 };
const STATUS_EVERY_MS = 10_000;

export interface ServiceReportDeps {
  readonly manager: ServiceManager;
  /** Whether any slot has a model. */
  readonly serving: () => boolean;
  /** As `ProgressWatch.made`. */
  readonly progress: () => boolean;
  /** What it does and what is wrong, in a line. */
  readonly status: () => string;
  readonly clock: Pick<Clock, 'monotonicUs'>;
}

export class ServiceReport {
  readonly #deps: ServiceReportDeps;
  #ready = false;
  #toldMs = Number.NEGATIVE_INFINITY;
  #statusMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: ServiceReportDeps) {
    this.#deps = deps;
  }

  /** Does nothing where no service manager listens. */
  start(): void {
    const { manager } = this.#deps;
    if (!manager.listens) return;
    this.look();
    this.#timer = setInterval(() => this.look(), Math.min(LOOK_EVERY_MS, this.#aliveEveryMs));
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#deps.manager.stopping();
    this.#deps.manager.end();
  }

  look(): void {
    const { manager, serving, status, clock } = this.#deps;
    const nowMs = clock.monotonicUs() / 1000;
    const isFirst = !this.#ready && serving();
    if (isFirst) {
      this.#ready = true;
      manager.ready();
    }
    if (isFirst || nowMs - this.#statusMs >= STATUS_EVERY_MS) {
      this.#statusMs = nowMs;
      manager.status(status());
    }
    if (this.#ready) this.#tellAlive(nowMs);
    else if (nowMs - this.#toldMs >= STARTING.everyMs) {
      this.#toldMs = nowMs;
      manager.starting(STARTING.forMs);
    }
  }

  #tellAlive(nowMs: number): void {
    const { manager, progress } = this.#deps;
    if (manager.watchdogMs === undefined || nowMs - this.#toldMs < this.#aliveEveryMs) return;
    this.#toldMs = nowMs;
    if (progress()) manager.alive();
  }

  /** So that two looks may come late, or find a sample that has only just come. */
  get #aliveEveryMs(): number {
    return (this.#deps.manager.watchdogMs ?? Number.POSITIVE_INFINITY) / 4;
  }
}

/** What runs in each slot, then the worst alarm. Pure. */
export function serviceStatus(
  slots: readonly string[],
  models: ActiveModels,
  alarms: readonly Pick<Alarm, 'text'>[],
): string {
  const runs = slots.map((slot) => {
    const champion = models.of(slot)?.champion;
    return `${slot}: ${champion ? modelTitle(champion.manifest) : 'no model'}`;
  });
  return [`${runs.join(', ') || 'no slots'}.`, ...alarms.slice(0, 1).map(({ text }) => text)].join(' ');
}
