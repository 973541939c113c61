/** Whether records leave more slowly than this device makes them, by the server or by a cap. A backlog that grows while there is no connection is normal. */
import type { Clock } from '../clock.ts';
import type { AlarmCause } from './alarm-cause.ts';

const LOOK_EVERY_MS = 10_000;
/** Ten minutes of looks. */
const LOOKS = 60;
/** Growth that a busy minute explains is none. */
const MIN_GROWTH = 1000;

/**
 * @param waiting records not acknowledged, oldest look first
 * @param before whether it was growing at the last look: that ends only when the backlog shrinks
 */
export function isGrowing(waiting: readonly number[], before: boolean): boolean {
  const third = Math.floor(LOOKS / 3);
  const [first = 0] = waiting;
  const last = waiting.at(-1) ?? 0;
  if (waiting.length < LOOKS || last < MIN_GROWTH) return false;
  const early = waiting.slice(0, third);
  const late = waiting.slice(-third);
  if (before) return Math.max(...late) >= Math.max(...early);
  return last - first >= MIN_GROWTH && Math.min(...late) > Math.max(...early);
}

export interface BacklogFacts {
  readonly connected: boolean;
  /** Records that the server has to acknowledge; 0 while none are on their way. */
  readonly waiting: number;
  /** A cap that predictions go as fast as, in words, and how many wait for it; null: none is felt. */
  readonly pace: { readonly words: string; readonly waiting: number } | null;
}

export interface BacklogWatchDeps {
  /** Null where no server is configured. */
  readonly link: () => BacklogFacts | null;
  readonly clock: Pick<Clock, 'monotonicUs'>;
}

export class BacklogWatch {
  readonly #deps: BacklogWatchDeps;
  #looks: number[] = [];
  #lookedMs = Number.NEGATIVE_INFINITY;
  #growing = false;

  constructor(deps: BacklogWatchDeps) {
    this.#deps = deps;
  }

  /** Ask it as often as you like; it looks every ten seconds. */
  causes(): AlarmCause[] {
    const nowMs = this.#deps.clock.monotonicUs() / 1000;
    const link = this.#deps.link();
    if (!link?.connected) {
      this.#looks = [];
      this.#growing = false;
    } else if (nowMs - this.#lookedMs >= LOOK_EVERY_MS) {
      this.#lookedMs = nowMs;
      this.#looks = [...this.#looks, link.pace?.waiting ?? link.waiting].slice(-LOOKS);
      this.#growing = isGrowing(this.#looks, this.#growing);
    }
    return link && this.#growing ? [cause(link)] : [];
  }
}

function cause({ waiting, pace }: BacklogFacts): AlarmCause {
  const wait = (count: number) => `${count.toLocaleString('en-US')} wait`;
  const kind = { code: 'backlog-growing', slot: null, severity: 'warning' } as const;
  if (pace) {
    return {
      ...kind,
      text: `This device makes more predictions than may be sent: ${wait(pace.waiting)}. The cap: ${pace.words}.`,
      next: 'Nothing is lost yet. Raise that cap in device.config.json, or send less: see privacy there.',
    };
  }
  return {
    ...kind,
    text: `The server takes records more slowly than this device makes them: ${wait(waiting)}.`,
    next: 'Nothing is lost yet. Tell the central team; on a slow link, send less: see privacy in device.config.json.',
  };
}
