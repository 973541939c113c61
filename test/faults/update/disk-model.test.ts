/** The simulated disk finds what a careless writer forgets: else the power cuts would prove nothing. */
import { describe, expect, it } from 'vitest';
import { forEachCut } from './support/cuts.ts';
import type { Tree } from './support/disk-model.ts';
import type { FileStep, Step } from './support/steps.ts';

const CONTENT = Buffer.alloc(4096, 7);

let syncs = 0;
const file = (step: Omit<FileStep, 'kind'>): Step => ({ kind: 'file', ...step });
const mkdir = (path: string) => [file({ op: 'mkdir', path })];
const write = (path: string) => [
  file({ op: 'create', path }),
  file({ op: 'write', path, data: CONTENT.toString('base64') }),
];
const rename = (path: string, to: string) => [file({ op: 'rename', path, to })];
const remove = (path: string) => [file({ op: 'remove', path })];
const sync = (path: string) => {
  syncs += 1;
  return [file({ op: 'sync-begins', path, id: syncs }), file({ op: 'sync', path, id: syncs })];
};
const done: Step = { kind: 'row', key: 'done', value: 'true' };

/** Every disk that a cut after the row could have left. */
function disksAfter(steps: readonly Step[]): Tree[] {
  const trees: Tree[] = [];
  forEachCut([...steps, done], ({ tree, rows }) => {
    if (rows.has('done')) trees.push(tree);
  });
  return trees;
}

const isWhole = (tree: Tree) => tree.get('a/file')?.equals(CONTENT) ?? false;
const begun = [...mkdir('a'), ...sync(''), ...write('a/new')];

describe('a file that is written as it should be', () => {
  it('is whole on every disk', () => {
    const disks = disksAfter([...begun, ...sync('a/new'), ...rename('a/new', 'a/file'), ...sync('a')]);
    expect(disks.length).toBeGreaterThan(0);
    expect(disks.filter((tree) => !isWhole(tree))).toEqual([]);
  });
});

describe('a writer', () => {
  it.each<[string, Step[]]>([
    ['does not sync the file', [...begun, ...rename('a/new', 'a/file'), ...sync('a')]],
    ['does not sync the folder', [...begun, ...sync('a/new'), ...rename('a/new', 'a/file')]],
    [
      'syncs the folder before the rename',
      [...begun, ...sync('a/new'), ...sync('a'), ...rename('a/new', 'a/file')],
    ],
    [
      'does not sync the folder above a new one',
      [...mkdir('a'), ...write('a/new'), ...sync('a/new'), ...rename('a/new', 'a/file'), ...sync('a')],
    ],
  ])('is found out when it %s', (_what, steps) => {
    expect(disksAfter(steps).some((tree) => !isWhole(tree))).toBe(true);
  });

  it('is found out when it removes the old before the new is safe', () => {
    const old = [...mkdir('a'), ...sync(''), ...write('a/file'), ...sync('a/file'), ...sync('a')];
    const careless = [...remove('a/file'), ...write('a/new'), ...sync('a/new'), ...sync('a')];
    const without: Tree[] = [];
    forEachCut([...old, ...careless, ...rename('a/new', 'a/file'), ...sync('a')], ({ tree, after }) => {
      if (after > old.length && !isWhole(tree)) without.push(tree);
    });
    expect(without.length).toBeGreaterThan(0);
  });
});

describe('a file that was not synced', () => {
  it('may be empty, cut at a block, full of zeros, or whole', () => {
    const found = disksAfter([...begun, ...rename('a/new', 'a/file'), ...sync('a')]);
    const contents = found.map((tree) => tree.get('a/file') ?? Buffer.alloc(0));
    expect(contents).toContainEqual(Buffer.alloc(0));
    expect(contents).toContainEqual(CONTENT.subarray(0, 2048));
    expect(contents).toContainEqual(Buffer.alloc(4096));
    expect(contents).toContainEqual(CONTENT);
  });
});
