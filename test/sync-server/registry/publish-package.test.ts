import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeChunk } from '../../../protocol/chunk-codec.ts';
import { parsePackageIndex } from '../../../protocol/package-index.ts';
import { publishPackage } from '../../../sync-server/registry/publish-package.ts';
import { ChunkFiles } from '../../../sync-server/store/chunk-files.ts';
import { hashOf, makePackage, manifestOf } from '../../support/packages.ts';
import { TestTeam } from '../../support/trust.ts';
import { TestClock, temporaryFolder, temporaryStore } from '../support.ts';

function registry() {
  const store = temporaryStore();
  const folder = join(temporaryFolder(), 'chunks');
  const chunkFiles = new ChunkFiles(folder);
  const team = new TestTeam();
  const deps = { store, chunkFiles, trust: team, clock: new TestClock() };
  return {
    store,
    chunkFiles,
    folder,
    team,
    publish: (files: Map<string, Buffer>, notes = '') => {
      team.sign(files);
      return publishPackage(deps, files, notes, 'anna');
    },
    publishUnsigned: (files: Map<string, Buffer>) => publishPackage(deps, files, '', 'anna'),
  };
}

describe('publishing a package', () => {
  it('keeps every byte of it as chunks that its index leads to', () => {
    const { publish, chunkFiles, store } = registry();
    const files = makePackage({ name: 'tiny', version: 3, tag: 'careful' });
    const { model, created } = publish(files, 'tried on line 2');
    expect(created).toBe(true);
    expect(model.ref).toMatchObject({
      name: 'tiny',
      version: 3,
      tag: 'careful',
      manifestSha256: hashOf(files),
    });
    const plain = (sha256: string) => decodeChunk(sha256, chunkFiles.read(sha256));
    const index = parsePackageIndex(plain(model.ref.indexSha256), model.ref.indexSha256);
    for (const { path, chunks } of index.files) {
      expect(Buffer.concat(chunks.map(({ sha256 }) => plain(sha256)))).toEqual(files.get(path));
    }
    const listed = new Set([
      model.ref.indexSha256,
      ...index.files.flatMap((file) => file.chunks.map(({ sha256 }) => sha256)),
    ]);
    expect(new Set(store.models.chunksOf(model.ref.manifestSha256))).toEqual(listed);
    expect(store.models.byVersion('tiny', 3)).toEqual(model);
  });

  it('takes the same package again without a second row', () => {
    const { publish, store } = registry();
    const files = makePackage();
    publish(files, 'first');
    expect(publish(files, 'again')).toMatchObject({ created: false, model: { notes: 'first' } });
    expect(store.models.all()).toHaveLength(1);
  });

  it('heals a lost chunk when the package is published again', () => {
    const { publish, chunkFiles, folder } = registry();
    const files = makePackage();
    const { model } = publish(files);
    rmSync(join(folder, model.ref.indexSha256));
    expect(() => chunkFiles.read(model.ref.indexSha256)).toThrow();
    publish(files);
    expect(chunkFiles.read(model.ref.indexSha256)).toBeDefined();
  });

  it('never lets a version become another package', () => {
    const { publish, store } = registry();
    const { model } = publish(makePackage({ graph: { weights: [[1, -1]] } }));
    expect(() => publish(makePackage({ graph: { weights: [[2, -1]] } }))).toThrow(
      expect.objectContaining({ code: 'MODEL_VERSION_TAKEN' }),
    );
    expect(store.models.all()).toEqual([model]);
  });

  it.each([
    ['that is on no list', () => makePackage({ version: 2 }), 'TARGET_UNKNOWN'],
    ['whose manifest is not the one on the list', () => renamed(makePackage()), 'TARGET_MISMATCH'],
    [
      'whose model was changed after it was signed',
      () => new Map([...makePackage(), ['model.onnx', Buffer.from('evil')]]),
      'PACKAGE_HASH_MISMATCH',
    ],
    [
      'with a stowaway',
      () => new Map([...makePackage(), ['extra.sh', Buffer.from('evil')]]),
      'PACKAGE_HASH_MISMATCH',
    ],
  ])('refuses a package %s', (_name, make, code) => {
    const { team, publishUnsigned, store } = registry();
    team.sign(makePackage());
    expect(() => publishUnsigned(make())).toThrow(expect.objectContaining({ code }));
    expect(store.models.all()).toEqual([]);
  });
});

function renamed(files: Map<string, Buffer>): Map<string, Buffer> {
  const manifest = { ...manifestOf(files), summary: 'Another one.' };
  return new Map(files).set('manifest.json', Buffer.from(JSON.stringify(manifest)));
}
