/** Tells the server what each slot's inputs look like: when it is first known, when something begins or ends to drift, and each hour. */
import { INPUT_PROFILE_KIND, type InputProfile, profileData } from '../../protocol/drift/input-profile.ts';
import type { Clock } from '../clock.ts';
import type { NewEvent } from '../store/records.ts';

const LOOK_EVERY_MS = 5000;
const TELL_EVERY_MS = 3_600_000;

export interface ProfileReporterDeps {
  /** Slots whose privacy lets sums over their inputs leave the device; null: nothing is known yet. */
  readonly slots: () => readonly { readonly slot: string; readonly profile: InputProfile | null }[];
  readonly tell: (event: NewEvent) => void;
  readonly clock: Clock;
}

export class ProfileReporter {
  readonly #deps: ProfileReporterDeps;
  readonly #told = new Map<string, { readonly state: string; readonly atMs: number }>();
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: ProfileReporterDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#timer = setInterval(() => this.look(), LOOK_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  look(): void {
    const { slots, tell, clock } = this.#deps;
    const nowMs = clock.monotonicUs() / 1000;
    for (const { slot, profile } of slots()) {
      if (!profile) continue;
      const told = this.#told.get(slot);
      const state = stateOf(profile);
      if (told && told.state === state && nowMs - told.atMs < TELL_EVERY_MS) continue;
      this.#told.set(slot, { state, atMs: nowMs });
      tell({
        timeMs: clock.wallMs(),
        kind: INPUT_PROFILE_KIND,
        severity: 'info',
        slot,
        message: `What the inputs of ${slot} look like.`,
        data: profileData(profile),
      });
    }
  }
}

/** The model, and what of it drifts since when. */
function stateOf({ model, features }: InputProfile): string {
  return JSON.stringify([model, features.map(({ sinceMs }) => sinceMs)]);
}
