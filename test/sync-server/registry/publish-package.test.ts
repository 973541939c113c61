import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { generateSigningKey } from '../../../protocol/keys.ts';
import { parsePackageIndex } from '../../../protocol/package-index.ts';
import { publishPackage } from '../../../sync-server/registry/publish-package.ts';
import { ChunkFiles } from '../../../sync-server/store/chunk-files.ts';
import { hashOf, makePackage, testReleaseKey } from '../../support/packages.ts';
import { TestClock, temporaryFolder, temporaryStore } from '../support.ts';

function registry() {
  const store = temporaryStore();
  const folder = join(temporaryFolder(), 'chunks');
  const chunkFiles = new ChunkFiles(folder);
  const deps = { store, chunkFiles, releaseKeys: [testReleaseKey], clock: new TestClock() };
  return {
    store,
    chunkFiles,
    folder,
    publish: (files: Map<string, Buffer>, notes = '') => publishPackage(deps, files, notes),
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
    const index = parsePackageIndex(chunkFiles.read(model.ref.indexSha256), model.ref.indexSha256);
    for (const { path, chunks } of index.files) {
      expect(Buffer.concat(chunks.map((chunk) => chunkFiles.read(chunk)))).toEqual(files.get(path));
    }
    const listed = new Set([model.ref.indexSha256, ...index.files.flatMap((file) => file.chunks)]);
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
    ['signed by a stranger', () => makePackage({ key: generateSigningKey() }), 'SIGNATURE_UNTRUSTED'],
    [
      'not signed',
      () => new Map([...makePackage()].filter(([path]) => path !== 'signature.json')),
      'SIGNATURE_MISSING',
    ],
    [
      'changed after it was signed',
      () => new Map([...makePackage(), ['model.onnx', Buffer.from('evil')]]),
      'PACKAGE_HASH_MISMATCH',
    ],
    [
      'with a stowaway',
      () => new Map([...makePackage(), ['extra.sh', Buffer.from('evil')]]),
      'PACKAGE_HASH_MISMATCH',
    ],
  ])('refuses a package %s', (_name, make, code) => {
    const { publish, store } = registry();
    expect(() => publish(make())).toThrow(expect.objectContaining({ code }));
    expect(store.models.all()).toEqual([]);
  });
});
