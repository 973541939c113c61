/** The engine as the lanes share it: their runs are given to it by turns, so that none keeps the others out. */
import type { Clock } from '../clock.ts';
import type { Engine, EngineResult } from '../inference/engine.ts';
import { FairShare } from './fair-share.ts';

type Run = Engine['run'];

export class EngineShare {
  readonly #engine: Pick<Engine, 'run'>;
  readonly #clock: Clock;
  readonly #share = new FairShare();
  readonly #waiting = new Map<string, (() => void)[]>();

  constructor(engine: Pick<Engine, 'run'>, clock: Clock) {
    this.#engine = engine;
    this.#clock = clock;
  }

  /** What a lane holds for the engine. */
  of(lane: string): Pick<Engine, 'run'> {
    return { run: (...run) => this.#run(lane, run) };
  }

  #run(lane: string, run: Parameters<Run>): Promise<EngineResult> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(lane) ?? [];
      this.#waiting.set(lane, waiting);
      waiting.push(() => resolve(this.#start(lane, run)));
      this.#share.add(lane);
      this.#serve();
    });
  }

  async #start(lane: string, run: Parameters<Run>): Promise<EngineResult> {
    const startedUs = this.#clock.monotonicUs();
    let usedUs: number | undefined;
    try {
      const result = await this.#engine.run(...run);
      usedUs = result.computeUs;
      return result;
    } finally {
      // A run that failed has kept the others waiting for all of its time.
      this.#share.ended(lane, usedUs ?? this.#clock.monotonicUs() - startedUs);
      this.#serve();
    }
  }

  #serve(): void {
    for (let lane = this.#share.next(); lane !== undefined; lane = this.#share.next()) {
      this.#waiting.get(lane)?.shift()?.();
    }
  }
}
