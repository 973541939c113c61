/** Looks at the machine every ten seconds: what it says of itself, and what is wrong with it. */
import type { Clock } from '../clock.ts';
import { type MachineProblem, machineProblems } from './machine-alarms.ts';
import type { MachineFacts } from './machine-facts.ts';

const LOOK_EVERY_MS = 10_000;
/** What is older says nothing about now. */
const FRESH_MS = 60_000;

export interface MachineMonitorDeps {
  readonly ask: () => Promise<MachineFacts>;
  /** The machine could not be asked. */
  readonly onError: (error: unknown) => void;
  readonly clock: Clock;
}

export class MachineMonitor {
  readonly #deps: MachineMonitorDeps;
  #problems: readonly MachineProblem[] = [];
  #facts: { readonly facts: MachineFacts; readonly atUs: number } | undefined;
  #isAsking = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: MachineMonitorDeps) {
    this.#deps = deps;
  }

  /** The first look comes after a while: nothing waits for it. */
  start(): void {
    this.#timer = setInterval(() => void this.look(), LOOK_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Null before the first look, and while the machine does not answer. */
  facts(): MachineFacts | null {
    return this.#facts && this.#isFresh(this.#facts.atUs) ? this.#facts.facts : null;
  }

  /** As of the last look. */
  causes(): readonly MachineProblem[] {
    return this.facts() ? this.#problems : [];
  }

  /** A machine that does not answer (a dead disk) is not asked again before it has: each time would leave something that hangs. */
  async look(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    const { ask, onError, clock } = this.#deps;
    try {
      const facts = await ask();
      this.#facts = { facts, atUs: clock.monotonicUs() };
      this.#problems = machineProblems(facts, new Set(this.#problems.map(({ code }) => code)));
    } catch (error) {
      onError(error);
    } finally {
      this.#isAsking = false;
    }
  }

  #isFresh(atUs: number): boolean {
    return (this.#deps.clock.monotonicUs() - atUs) / 1000 <= FRESH_MS;
  }
}
