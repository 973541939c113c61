/** Which ranges of a pack bring what is missing, as a pure function. */
import type { Span } from '../../protocol/pack.ts';

export interface Run extends Span {
  /** Hashes with where they stand, one behind the other, nothing between them. */
  readonly chunks: readonly (readonly [string, Span])[];
}

/**
 * Neighbours travel in one request; what is there already never does.
 * @param layout every chunk of the pack in its order
 * @param maxBytes of a run, unless one chunk alone has more
 */
export function packRuns(
  layout: ReadonlyMap<string, Span>,
  missing: ReadonlySet<string>,
  maxBytes: number,
): Run[] {
  const runs: { start: number; end: number; chunks: [string, Span][] }[] = [];
  for (const [sha256, span] of layout) {
    if (!missing.has(sha256)) continue;
    const last = runs.at(-1);
    if (last && last.end === span.start && span.end - last.start <= maxBytes) {
      last.end = span.end;
      last.chunks.push([sha256, span]);
    } else {
      runs.push({ ...span, chunks: [[sha256, span]] });
    }
  }
  return runs;
}
