/** Everything that is wrong with this device now, gathered from whoever watches a part of it. */
import type { Clock } from '../clock.ts';
import type { AlarmCause } from './alarm-cause.ts';
import { type BacklogFacts, BacklogWatch } from './backlog-watch.ts';
import { certificateAlarm } from './certificate-alarm.ts';
import { clockAlarm } from './clock-alarm.ts';
import { type ServingFacts, servingAlarms } from './serving-alarms.ts';
import type { SlotFacts } from './silence.ts';
import { SilenceWatch } from './silence-watch.ts';

export interface AlarmCausesDeps {
  readonly slots: () => readonly SlotFacts[];
  /** Records acknowledged and waiting over all streams; null where no server is configured. */
  readonly link: () => (BacklogFacts & { acked: number }) | null;
  readonly serving: () => ServingFacts;
  readonly machine: () => readonly AlarmCause[];
  /** By the server's clock, ms since the Unix epoch; null when it has not told lately. */
  readonly serverMs: () => number | null;
  /** The latest time known for certain. */
  readonly floorMs: () => number;
  /** As `certificateAlarm`. */
  readonly certificateEndsAtMs: () => number | null | undefined;
  /** Of the line outputs: whether these alarms get anywhere. */
  readonly outputs: () => readonly AlarmCause[];
  readonly clock: Clock;
}

export class AlarmCauses {
  readonly #deps: AlarmCausesDeps;
  readonly #silence: SilenceWatch;
  readonly #backlog: BacklogWatch;
  #clockOff = false;

  constructor(deps: AlarmCausesDeps) {
    this.#deps = deps;
    this.#silence = new SilenceWatch(deps);
    this.#backlog = new BacklogWatch(deps);
  }

  /** Ask it about once a second: what lasts for a while is learned from each time. */
  now(): AlarmCause[] {
    const { serving, machine, outputs } = this.#deps;
    return [
      ...servingAlarms(serving()),
      ...this.#silence.causes(),
      ...this.#backlog.causes(),
      ...this.#timeCauses(),
      ...machine(),
      ...outputs(),
    ];
  }

  #timeCauses(): AlarmCause[] {
    const { clock, serverMs, floorMs, certificateEndsAtMs } = this.#deps;
    const facts = { wallMs: clock.wallMs(), serverMs: serverMs(), floorMs: floorMs() };
    const clockOff = clockAlarm(facts, this.#clockOff);
    this.#clockOff = clockOff !== null;
    // The broker goes by its own clock, so the server's is the better guess than a wrong one here.
    const certificate = certificateAlarm(certificateEndsAtMs(), facts.serverMs ?? facts.wallMs);
    return [clockOff, certificate].filter((cause) => cause !== null);
  }
}
