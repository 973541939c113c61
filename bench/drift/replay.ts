/** Plays rows through the drift monitor of the agent and says when it called what. */
import { DriftMonitor } from '../../agent/monitor/drift-monitor.ts';
import type { Watched } from '../../agent/monitor/watched-features.ts';

/** As device.config.json has them unless told otherwise. */
export const WINDOW = 500;
export const PSI = 0.25;
/** So slow that the limit of one judgement a second never holds a window up. */
const SAMPLE_EVERY_MS = 100;

interface Replay {
  readonly samples: number;
  readonly judgements: number;
  /** What began to drift or to shift: sample (from 0) and names of the features. */
  readonly alarms: { readonly at: number; readonly features: readonly string[] }[];
  /** Features that were drifting at the end. */
  readonly drifting: readonly string[];
}

export interface Player {
  play(rows: Iterable<ArrayLike<number>>): Replay;
}

/** A monitor that goes on from one call of `play` to the next, with counts of each call alone. */
export function player(watched: Watched, { window = WINDOW, psi = PSI } = {}): Player {
  let clockMs = 0;
  let at = 0;
  let alarms: Replay['alarms'] = [];
  const monitor = new DriftMonitor({
    watched,
    window,
    psi,
    onChange: ({ feature, drifting }) => {
      if (drifting) alarms.push({ at, features: [feature] });
    },
    onPairsShifted: (pairs) => {
      if (pairs.length > 0) alarms.push({ at, features: pairs.flatMap(({ features }) => features) });
    },
    clock: { monotonicUs: () => 1000 * clockMs, wallMs: () => clockMs },
  });
  return {
    play(rows) {
      at = 0;
      alarms = [];
      for (const row of rows) {
        clockMs += SAMPLE_EVERY_MS;
        monitor.observe(row);
        at += 1;
      }
      const drifting = monitor.view().filter((each) => each.drifting);
      return {
        samples: at,
        judgements: Math.max(0, Math.floor(at / Math.max(window / 2, 1000 / SAMPLE_EVERY_MS)) - 1),
        alarms,
        drifting: drifting.map(({ feature }) => feature),
      };
    },
  };
}
