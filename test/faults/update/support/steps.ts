/** The steps of an update as step-hooks.ts writes them down, and how a test chooses one of them to be the last. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface FileStep {
  readonly kind: 'file';
  readonly op: 'mkdir' | 'create' | 'write' | 'sync-begins' | 'sync' | 'rename' | 'remove';
  /** Inside the device's data folder. */
  readonly path: string;
  readonly to?: string;
  /** Base64; the whole content from then on. */
  readonly data?: string;
  /** Joins a sync with its begin. */
  readonly id?: number;
}

export type Step =
  | FileStep
  /** Committed and durable. */
  | { readonly kind: 'row'; readonly key: string; readonly value: string | null }
  /** What came before it is done. `label`: what that was, with `#` for hashes, so that it is the same in each run. */
  | { readonly kind: 'point'; readonly label: string };

/** The nth step of this label, counted from when it was armed. */
export interface Point {
  readonly label: string;
  readonly nth: number;
}

/** A moment in an update: the process ends right before or right after this step. */
export interface Armed extends Point {
  readonly token: number;
  readonly side: 'before' | 'after';
}

export interface StepsEnv {
  readonly dataDir: string;
  readonly log: string;
  readonly arm: string;
}

export class Steps {
  readonly #hooks: string;
  readonly #files: StepsEnv;
  #token = 0;

  /** @param hooks the built step-hooks.ts */
  constructor(hooks: string, folder: string, dataDir: string) {
    this.#hooks = hooks;
    this.#files = { dataDir, log: join(folder, 'steps.ndjson'), arm: join(folder, 'armed.json') };
    writeFileSync(this.#files.log, '');
    this.disarm();
  }

  /** For the agent process. */
  get env(): NodeJS.ProcessEnv {
    return { NODE_OPTIONS: `--import ${this.#hooks}`, ANDON_STEPS: JSON.stringify(this.#files) };
  }

  /** Every step that was finished so far. */
  all(): Step[] {
    const lines = readFileSync(this.#files.log, 'utf8').split('\n');
    return lines.filter((line) => line.endsWith('}')).map((line) => JSON.parse(line) as Step);
  }

  arm(point: Omit<Armed, 'token'>): void {
    this.#token += 1;
    writeFileSync(this.#files.arm, JSON.stringify({ ...point, token: this.#token } satisfies Armed));
  }

  disarm(): void {
    writeFileSync(this.#files.arm, '');
  }
}

/** Every step of a recorded run once, as a point at which to end another one. */
export function pointsOf(steps: readonly Step[]): Point[] {
  const counts = new Map<string, number>();
  return steps
    .filter((step) => step.kind === 'point')
    .map(({ label }) => {
      const nth = (counts.get(label) ?? 0) + 1;
      counts.set(label, nth);
      return { label, nth };
    });
}
