import { describe, expect, it } from 'vitest';
import { ModelCatalog } from '../../../sync-server/registry/model-catalog.ts';
import type { ServerStore } from '../../../sync-server/store/server-store.ts';
import { hashOf, makePackage, manifestOf, withManifest } from '../../support/packages.ts';
import { TestClock, temporaryFolder, temporaryStore } from '../support.ts';

function add(store: ServerStore, files: Map<string, Buffer>, notes = ''): string {
  const manifest = manifestOf(files);
  const manifestSha256 = hashOf(files);
  const { name, version } = manifest;
  const ref = { name, version, manifestSha256, indexSha256: 'c'.repeat(64), sizeBytes: 1 };
  store.transaction(() => store.models.add({ ref, manifest, notes, publishedAtMs: 5 }, []));
  return manifestSha256;
}

function setUp() {
  const store = temporaryStore();
  const clock = new TestClock();
  const first = makePackage({ name: 'tiny', version: 1 });
  const parent = add(store, first, 'for line 3');
  const manifest = manifestOf(makePackage({ name: 'tiny', version: 2 }));
  const child = withManifest(first, {
    ...manifest,
    summary: 'Sees tool wear.',
    metric: { ...manifest.metric, offline: 0.95 },
    lineage: { ...manifest.lineage, parent, dataSha256: 'd'.repeat(64) },
  });
  add(store, child);
  add(store, makePackage({ name: 'other' }));
  return { store, clock, catalog: new ModelCatalog({ store, clock }), parent, child: hashOf(child) };
}

const titles = (views: readonly { title: string }[]) => views.map(({ title }) => title);

describe('aliases', () => {
  it('point to one version of a model at a time, and move', () => {
    const { catalog } = setUp();
    catalog.setAlias('tiny', 'champion', '1', 'anna');
    expect(catalog.find('tiny', 'champion').ref.version).toBe(1);
    expect(catalog.setAlias('tiny', 'champion', '2', 'anna').aliases).toEqual(['champion']);
    expect(catalog.view('tiny', '1').aliases).toEqual([]);
    expect(catalog.find('tiny', 'champion').ref.version).toBe(2);
  });

  it('belong to one model: another one has its own of the same name', () => {
    const { catalog } = setUp();
    catalog.setAlias('tiny', 'champion', '2', 'anna');
    catalog.setAlias('other', 'champion', '1', 'anna');
    expect(catalog.find('tiny', 'champion').ref.version).toBe(2);
  });

  it('are refused where they do not exist, and gone when taken away', () => {
    const { catalog } = setUp();
    catalog.setAlias('tiny', 'champion', '2', 'anna');
    catalog.dropAlias('tiny', 'champion', 'bert');
    const unknown = expect.objectContaining({
      code: 'ALIAS_UNKNOWN',
      hint: expect.stringContaining('alias'),
    });
    expect(() => catalog.find('tiny', 'champion')).toThrow(unknown);
    expect(() => catalog.dropAlias('tiny', 'champion', 'bert')).toThrow(unknown);
    expect(() => catalog.setAlias('tiny', 'champion', '9', 'bert')).toThrow(
      expect.objectContaining({ code: 'MODEL_UNKNOWN' }),
    );
  });
});

describe('notes and stages', () => {
  it('begin as published, and tell who changed them and when', () => {
    const { catalog, clock } = setUp();
    expect(catalog.view('tiny', '1')).toMatchObject({ notes: 'for line 3', noted: null, stage: 'none' });
    const noted = catalog.setNote('tiny', '1', 'no longer', 'anna');
    expect(noted).toMatchObject({ notes: 'no longer', noted: { by: 'anna', atMs: clock.nowMs } });
    expect(catalog.setStage('tiny', '1', 'archived', 'anna')).toMatchObject({
      stage: 'archived',
      notes: 'no longer',
    });
  });

  it('outlive the server, with the aliases', () => {
    const folder = temporaryFolder();
    const store = temporaryStore(folder);
    const clock = new TestClock();
    add(store, makePackage({ name: 'tiny' }));
    const catalog = new ModelCatalog({ store, clock });
    catalog.setStage('tiny', '1', 'production', 'anna');
    const before = catalog.setAlias('tiny', 'champion', '1', 'anna');
    store.close();
    const again = new ModelCatalog({ store: temporaryStore(folder), clock });
    expect(again.view('tiny', 'champion')).toEqual(before);
  });
});

describe('lineage', () => {
  it('names parents and children, also where a parent was never published here', () => {
    const { store, catalog, parent, child } = setUp();
    expect(catalog.lineage('tiny', '2')).toMatchObject({
      parents: [{ manifestSha256: parent, title: 'tiny 1' }],
      children: [],
    });
    expect(catalog.lineage('tiny', '1').children).toEqual([{ manifestSha256: child, title: 'tiny 2' }]);
    const lost = 'e'.repeat(64);
    const orphan = makePackage({ name: 'tiny', version: 3 });
    const manifest = manifestOf(orphan);
    add(store, withManifest(orphan, { ...manifest, lineage: { ...manifest.lineage, parent: lost } }));
    expect(catalog.lineage('tiny', '3').parents).toEqual([{ manifestSha256: lost, title: null }]);
  });
});

describe('a search', () => {
  it.each([
    [{}, ['other 1', 'tiny 1', 'tiny 2']],
    [{ name: 'tiny' }, ['tiny 1', 'tiny 2']],
    [{ text: 'WEAR tool' }, ['tiny 2']],
    [{ text: 'line 3' }, ['tiny 1']],
    [{ alias: 'champion' }, ['tiny 2']],
    [{ stage: 'staging' }, ['tiny 1']],
    [{ metric: 'accuracy', atLeast: 0.92 }, ['tiny 2']],
    [{ metric: 'f-beta' }, []],
    [{ dataSha256: 'dddd' }, ['tiny 2']],
    [{ name: 'tiny', text: 'nowhere' }, []],
  ] as const)('for %j finds %j', (query, found) => {
    const { catalog } = setUp();
    catalog.setAlias('tiny', 'champion', '2', 'anna');
    catalog.setStage('tiny', '1', 'staging', 'anna');
    expect(titles(catalog.views(query))).toEqual(found);
  });
});
