/** Looks at the machine every ten seconds, and tells of its troubles when they begin and when they end. */
import type { Clock } from '../clock.ts';
import type { NewEvent } from '../store/records.ts';
import { type MachineProblem, machineProblems } from './machine-alarms.ts';
import type { MachineFacts } from './machine-facts.ts';

const LOOK_EVERY_MS = 10_000;
/** What is older says nothing about now. */
const FRESH_MS = 60_000;

export interface MachineMonitorDeps {
  readonly ask: () => Promise<MachineFacts>;
  readonly tell: (event: NewEvent) => void;
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

  /** As of the last look; fits the headline of the status page. */
  problems(): readonly MachineProblem[] {
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
      this.#judge(facts);
    } catch (error) {
      onError(error);
    } finally {
      this.#isAsking = false;
    }
  }

  #judge(facts: MachineFacts): void {
    const before = this.#problems;
    const now = machineProblems(facts, new Set(before.map(({ key }) => key)));
    const fresh = (problem: MachineProblem, known: readonly MachineProblem[]) =>
      known.every(({ key }) => key !== problem.key);
    for (const problem of now) if (fresh(problem, before)) this.#tell(problem, true);
    for (const problem of before) if (fresh(problem, now)) this.#tell(problem, false);
    this.#problems = now;
  }

  #tell({ key, severity, text, next }: MachineProblem, begins: boolean): void {
    this.#deps.tell({
      timeMs: this.#deps.clock.wallMs(),
      kind: begins ? 'machine' : 'machine-ended',
      severity: begins ? severity : 'info',
      slot: null,
      message: begins ? `${text} ${next}` : `It is over: ${text}`,
      data: { what: key },
    });
  }

  #isFresh(atUs: number): boolean {
    return (this.#deps.clock.monotonicUs() - atUs) / 1000 <= FRESH_MS;
  }
}
