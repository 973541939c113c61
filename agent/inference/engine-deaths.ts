/** The deaths of engine processes: told, blamed on the request they died of, and followed by a successor. */
import type { Logger } from 'pino';
import type { Counters } from '../../daemon/counters.ts';
import type { Clock } from '../clock.ts';
import type { EngineEnd } from './engine-child.ts';
import { causeOf, type EngineDeath, verdictOn } from './engine-death.ts';
import type { Job } from './engine-job.ts';
import type { EngineWorker } from './engine-worker.ts';
import { restartDelayMs } from './restart-delay.ts';

export interface EngineDeathsDeps {
  readonly log: Logger;
  readonly clock: Clock;
  readonly counters: Counters;
  /** Called before the successor starts. */
  readonly onDeath?: (death: EngineDeath) => void;
}

export class EngineDeaths {
  readonly #deps: EngineDeathsDeps;
  readonly #timesMs: number[] = [];
  #successors = 0;
  #respawn: NodeJS.Timeout | undefined;

  constructor(deps: EngineDeathsDeps) {
    this.#deps = deps;
  }

  /** How often a successor took the place of a process that died at work. */
  get successors(): number {
    return this.#successors;
  }

  /** @returns whether the request that it died of is asked again; one that is not is refused here */
  blame({ hang }: EngineWorker, end: EngineEnd, blamed: Job | undefined): boolean {
    const { counters, log, onDeath } = this.#deps;
    const { cause, code } = causeOf(end, hang);
    const model = blamed?.request.model ?? null;
    counters.add(code);
    log.error({ event: 'engine-ended', code, cause, model, end: end.text }, 'starting its successor');
    if (blamed) blamed.strikes += 1;
    onDeath?.({ model, cause });
    const givenUp = blamed && verdictOn(blamed, end, hang);
    if (givenUp) blamed.refuse(givenUp);
    return blamed !== undefined && givenUp === undefined;
  }

  /** At once, or after a while that grows with the deaths of the last minute. */
  succeed(spawn: () => void): void {
    const nowMs = this.#deps.clock.monotonicUs() / 1000;
    this.#timesMs.push(nowMs);
    this.#successors += 1;
    const delayMs = restartDelayMs(this.#timesMs, nowMs);
    if (delayMs === 0) spawn();
    else this.#respawn = setTimeout(spawn, delayMs);
  }

  stop(): void {
    clearTimeout(this.#respawn);
  }
}
