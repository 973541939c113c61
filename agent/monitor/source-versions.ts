/** Notices when a source begins to send under another version of its schema or firmware. */

import type { Counters } from '../../daemon/counters.ts';
import { codeOf } from '../../protocol/errors.ts';
import { SOURCE_VERSION_TAG, type Tags } from '../../protocol/tags.ts';
import type { Clock } from '../clock.ts';
import type { NewEvent } from '../store/records.ts';
import type { StateTable } from '../store/store.ts';

/** A source that sends two versions by turns is told of once in this time. */
const TOLD_EVERY_MS = 60_000;

export interface SourceVersionsDeps {
  readonly states: Pick<StateTable, 'get' | 'set'>;
  readonly tell: (event: NewEvent) => void;
  readonly counters: Pick<Counters, 'add'>;
  readonly clock: Pick<Clock, 'wallMs'>;
}

export interface SourceChange {
  readonly source: string;
  readonly from: string;
  readonly to: string;
  readonly timeMs: number;
}

interface Known {
  version: string | null;
  toldMs: number;
  tags: Tags | undefined;
  change: SourceChange | null;
}

export class SourceVersions {
  readonly #deps: SourceVersionsDeps;
  readonly #known = new Map<string, Known>();

  constructor(deps: SourceVersionsDeps) {
    this.#deps = deps;
  }

  /** Called with each sample; cheap while its tags are the same object as before. */
  look(source: string, tags: Tags): void {
    const known = this.#of(source);
    if (known.tags === tags) return;
    known.tags = tags;
    const version = tags[SOURCE_VERSION_TAG];
    if (version === undefined || version === known.version) return;
    const nowMs = this.#deps.clock.wallMs();
    if (Math.abs(nowMs - known.toldMs) < TOLD_EVERY_MS) return;
    const before = known.version;
    try {
      this.#deps.states.set(keyOf(source), version);
    } catch (error) {
      // A full disk must not stop the source; the next sample tries again.
      known.tags = undefined;
      this.#deps.counters.add(codeOf(error));
      return;
    }
    known.version = version;
    // What it had when it was first seen is no change.
    if (before === null) return;
    known.toldMs = nowMs;
    known.change = { source, from: before, to: version, timeMs: nowMs };
    this.#deps.tell({
      timeMs: nowMs,
      kind: 'source-changed',
      severity: 'warning',
      slot: null,
      message: `The source ${source} has changed from version ${before} to ${version}. Compare the figures of the two before you trust the model on the new one.`,
      data: { source, from: before, to: version },
    });
  }

  /** The newest since the start. */
  lastChange(source: string): SourceChange | null {
    return this.#known.get(source)?.change ?? null;
  }

  #of(source: string): Known {
    const known = this.#known.get(source);
    if (known) return known;
    const saved = this.#deps.states.get(keyOf(source));
    const fresh: Known = {
      tags: undefined,
      change: null,
      version: typeof saved === 'string' ? saved : null,
      toldMs: Number.NEGATIVE_INFINITY,
    };
    this.#known.set(source, fresh);
    return fresh;
  }
}

function keyOf(source: string): string {
  return `sources/${source}/version`;
}
