/** Asks once a second whether something has fallen silent, and tells of it when it begins and when it ends. */
import type { Clock } from '../clock.ts';
import type { NewEvent } from '../store/records.ts';
import { type LinkFacts, type Silence, type SlotFacts, silences } from './silence.ts';

const CHECK_EVERY_MS = 1000;

export interface SilenceMonitorDeps {
  readonly slots: () => readonly SlotFacts[];
  /** Records acknowledged and waiting over all streams; null where no server is configured. */
  readonly link: () => { connected: boolean; acked: number; waiting: number } | null;
  readonly tell: (event: NewEvent) => void;
  readonly clock: Clock;
}

export class SilenceMonitor {
  readonly #deps: SilenceMonitorDeps;
  #now: ReadonlyMap<string, Silence> = new Map();
  #settled = { acked: -1, atMs: 0 };
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: SilenceMonitorDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#timer = setInterval(() => this.check(), CHECK_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** What is silent as of the last check; fits the headline of the status page. */
  problems(): Silence[] {
    return [...this.#now.values()];
  }

  check(): void {
    const nowMs = this.#deps.clock.monotonicUs() / 1000;
    const found = silences(nowMs, this.#deps.slots(), this.#linkFacts(nowMs));
    const next = new Map(found.map((silence) => [silence.key, silence]));
    for (const [key, silence] of next) if (!this.#now.has(key)) this.#tell(silence, true);
    for (const [key, silence] of this.#now) if (!next.has(key)) this.#tell(silence, false);
    this.#now = next;
  }

  #linkFacts(nowMs: number): LinkFacts | null {
    const link = this.#deps.link();
    if (!link) return null;
    const { connected, acked, waiting } = link;
    if (!connected || waiting === 0 || acked !== this.#settled.acked) this.#settled = { acked, atMs: nowMs };
    return { connected, settledMs: this.#settled.atMs };
  }

  #tell({ key, slot, severity, text, next }: Silence, begins: boolean): void {
    this.#deps.tell({
      timeMs: this.#deps.clock.wallMs(),
      kind: begins ? 'silence' : 'silence-ended',
      severity: begins ? severity : 'info',
      slot,
      message: begins ? `${text} ${next}` : `It is over: ${text}`,
      data: { what: key },
    });
  }
}
