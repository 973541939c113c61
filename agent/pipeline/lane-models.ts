/** What a lane keeps for each model that it has worked with: how its rows are read, what it decided last, who watches it. */
import type { ActiveModel } from '../models/active-models.ts';
import { Decider } from './decider.ts';
import { InputReader } from './input-reader.ts';
import type { LaneMonitor } from './lane-monitor.ts';
import type { Windower } from './windower.ts';

export class LaneModels {
  readonly #newMonitor: (champion: ActiveModel) => LaneMonitor;
  readonly #windowers = new Map<string, Windower>();
  readonly #readers = new WeakMap<ActiveModel, InputReader>();
  readonly #deciders = new WeakMap<ActiveModel, Decider>();
  #monitor: { champion: ActiveModel; monitor: LaneMonitor } | undefined;

  constructor(newMonitor: (champion: ActiveModel) => LaneMonitor) {
    this.#newMonitor = newMonitor;
  }

  readerOf(model: ActiveModel): InputReader {
    const known = this.#readers.get(model);
    if (known) return known;
    const reader = new InputReader(model.manifest.input, this.#windowers);
    this.#readers.set(model, reader);
    return reader;
  }

  deciderOf(model: ActiveModel): Decider {
    const known = this.#deciders.get(model);
    if (known) return known;
    const decider = new Decider(model.manifest.output.decision);
    this.#deciders.set(model, decider);
    return decider;
  }

  monitorOf(champion: ActiveModel): LaneMonitor {
    if (this.#monitor?.champion !== champion) {
      this.#monitor = { champion, monitor: this.#newMonitor(champion) };
    }
    return this.#monitor.monitor;
  }
}
