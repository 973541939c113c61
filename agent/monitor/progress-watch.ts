/** Whether the pipeline gets on, or has nothing to do: what a watchdog outside may rely on. */
import { codeOf } from '../../protocol/errors.ts';
import type { Engine } from '../inference/engine.ts';

/** The engine did not answer; anything else that it says is an answer. */
const NO_ANSWER = new Set(['ENGINE_CRASHED', 'ENGINE_TIMEOUT']);

export class ProgressWatch {
  #open = 0;
  #done = 0;
  #seen = 0;

  /** The same engine, counted. */
  watch(engine: Pick<Engine, 'run'>): Pick<Engine, 'run'> {
    return {
      run: async (...asked) => {
        this.#open += 1;
        try {
          const result = await engine.run(...asked);
          this.#done += 1;
          return result;
        } catch (error) {
          if (!NO_ANSWER.has(codeOf(error))) this.#done += 1;
          throw error;
        } finally {
          this.#open -= 1;
        }
      },
    };
  }

  /** Something came through to its end. */
  progressed(): void {
    this.#done += 1;
  }

  /**
   * Since it was asked last.
   * @param waiting whether samples wait that a model could judge
   */
  made(waiting: boolean): boolean {
    const moved = this.#done !== this.#seen;
    this.#seen = this.#done;
    return moved || (this.#open === 0 && !waiting);
  }
}
