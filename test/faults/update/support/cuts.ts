/** Every disk that a power cut could have left at any moment of a recorded run, with the rows that were durable by then. */
import { createHash } from 'node:crypto';
import { DiskModel, TORN, type Torn, type Tree } from './disk-model.ts';
import type { Step } from './steps.ts';

/** So many pending changes of names are tried in all combinations; more only in those that file systems are known to leave. */
const ALL_COMBINATIONS_UP_TO = 7;

export interface Cut {
  /** Index of the last step before it. */
  readonly after: number;
  readonly torn: Torn;
  readonly tree: Tree;
  /** key -> JSON. */
  readonly rows: ReadonlyMap<string, string>;
}

/** Each different disk once; `look` is called in the order of time. */
export function forEachCut(steps: readonly Step[], look: (cut: Cut) => void): void {
  const disk = new DiskModel();
  const seen = new Set<string>();
  let rows = new Map<string, string>();
  const lookAt = (after: number, durable: ReadonlyMap<string, string>) => {
    for (const survived of combinations(disk.pending)) {
      for (const torn of TORN) {
        const tree = disk.afterCut(survived, torn);
        const name = digest(tree, durable);
        if (seen.has(name)) continue;
        seen.add(name);
        look({ after, torn, tree, rows: durable });
      }
    }
  };
  for (const [i, step] of steps.entries()) {
    if (step.kind === 'point') continue;
    if (step.kind === 'file') disk.take(step);
    else {
      // Committed, and maybe not on the disk yet.
      lookAt(i, rows);
      rows = new Map(rows);
      if (step.value === null) rows.delete(step.key);
      else rows.set(step.key, step.value);
    }
    lookAt(i, rows);
  }
}

function* combinations(changes: number): Generator<boolean[]> {
  if (changes <= ALL_COMBINATIONS_UP_TO) {
    for (let bits = 0; bits < 2 ** changes; bits++)
      yield Array.from({ length: changes }, (_, i) => ((bits >> i) & 1) === 1);
    return;
  }
  for (let first = 0; first <= changes; first++) yield Array.from({ length: changes }, (_, i) => i < first);
  for (let one = 0; one < changes; one++) {
    yield Array.from({ length: changes }, (_, i) => i === one);
    yield Array.from({ length: changes }, (_, i) => i !== one);
  }
}

function digest(tree: Tree, rows: ReadonlyMap<string, string>): string {
  const hash = createHash('sha256');
  for (const [path, bytes] of [...tree].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(path).update(String(bytes.length)).update(bytes);
  }
  for (const [key, value] of rows) hash.update(key).update(value);
  return hash.digest('base64');
}
