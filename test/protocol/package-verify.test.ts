/** A package is whole only when every byte of it is what its manifest names; who may run is for the signed list to say. */
import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../protocol/keys.ts';
import { LIMITS } from '../../protocol/limits.ts';
import type { Manifest } from '../../protocol/manifest.ts';
import { parseManifest, verifyPackage } from '../../protocol/package-verify.ts';
import { makePackage, manifestOf, withManifest } from '../support/packages.ts';

type Files = Map<string, Buffer>;

/** The package with a changed manifest. */
function remanifested(change: (manifest: Manifest) => unknown): Files {
  const files = makePackage();
  const manifest = { ...manifestOf(files), ...(change(manifestOf(files)) as Partial<Manifest>) };
  return new Map(files).set('manifest.json', Buffer.from(JSON.stringify(manifest)));
}

function replaced(path: string, bytes: Buffer | string): Files {
  return new Map(makePackage()).set(path, Buffer.from(bytes));
}

function without(path: string): Files {
  const files = new Map(makePackage());
  files.delete(path);
  return files;
}

function listing(path: string): Files {
  return remanifested(({ files }) => ({
    files: { ...files, [path]: { sha256: sha256Hex(''), sizeBytes: 0 } },
  }));
}

describe('a package', () => {
  it('that is whole is accepted, and known by its manifest’s hash', () => {
    const files = makePackage({ name: 'milling', version: 3 });
    const verified = verifyPackage(files);
    expect(verified.manifest).toMatchObject({ name: 'milling', version: 3 });
    expect(verified.manifestSha256).toBe(sha256Hex(files.get('manifest.json') ?? ''));
  });

  it('becomes another one when one space is added to its manifest', () => {
    const files = makePackage();
    expect(verifyPackage(spaced()).manifestSha256).not.toBe(verifyPackage(files).manifestSha256);
  });

  it.each<[string, () => Files, string]>([
    ['without a manifest', () => without('manifest.json'), 'PACKAGE_FILE_MISSING'],
    ['whose model has one bit flipped', () => flipped('model.onnx'), 'PACKAGE_HASH_MISMATCH'],
    ['whose golden samples were changed', () => flipped('golden.json'), 'PACKAGE_HASH_MISMATCH'],
    ['without its model', () => without('model.onnx'), 'PACKAGE_FILE_MISSING'],
    [
      'with a file that its manifest does not name',
      () => replaced('extra.js', 'boom'),
      'PACKAGE_HASH_MISMATCH',
    ],
    ['with a wrong size', () => wrongSize(), 'PACKAGE_HASH_MISMATCH'],
    ['that climbs out of its folder', () => listing('../escape'), 'PACKAGE_PATH_UNSAFE'],
    ['that climbs out in the middle of a path', () => listing('a/../../b'), 'PACKAGE_PATH_UNSAFE'],
    ['with an absolute path', () => listing('/etc/passwd'), 'PACKAGE_PATH_UNSAFE'],
    ['with a path for another system', () => listing('..\\b'), 'PACKAGE_PATH_UNSAFE'],
    ['with a drive letter', () => listing('C:b'), 'PACKAGE_PATH_UNSAFE'],
    ['of a newer format', () => remanifested(() => ({ formatVersion: 2 })), 'PACKAGE_MANIFEST_INVALID'],
    [
      'with a word in its manifest that we do not know',
      () => remanifested(() => ({ eval: 'x' })),
      'PACKAGE_MANIFEST_INVALID',
    ],
    [
      'that names a model which it does not list',
      () => remanifested(() => ({ model: { file: 'x', opset: 17 } })),
      'PACKAGE_FILE_MISSING',
    ],
    [
      'whose manifest stands for one of its own files',
      () => remanifested(() => ({ baselineProfile: 'manifest.json' })),
      'PACKAGE_FILE_MISSING',
    ],
    [
      'whose names are those of every object',
      () => remanifested(() => ({ baselineProfile: 'constructor' })),
      'PACKAGE_FILE_MISSING',
    ],
  ])('%s is refused', (_, make, code) => {
    expect(() => verifyPackage(make())).toThrowError(expect.objectContaining({ code }));
  });

  it('does not hide such a file behind a name of every object', () => {
    for (const path of ['constructor', 'toString', '__proto__']) {
      expect(() => verifyPackage(replaced(path, 'boom'))).toThrowError(
        expect.objectContaining({ code: 'PACKAGE_HASH_MISMATCH' }),
      );
    }
  });
});

describe('a manifest', () => {
  it('is refused before it is read when it is too large', () => {
    const bytes = Buffer.alloc(LIMITS.manifestBytes + 1, 0x20);
    expect(() => parseManifest(bytes)).toThrowError(expect.objectContaining({ code: 'PACKAGE_TOO_LARGE' }));
  });

  it('is refused when it is no JSON', () => {
    expect(() => parseManifest(Buffer.from('{'))).toThrowError(
      expect.objectContaining({ code: 'PACKAGE_MANIFEST_INVALID' }),
    );
  });
});

function spaced(): Files {
  const files = makePackage();
  return new Map(files).set(
    'manifest.json',
    Buffer.concat([files.get('manifest.json') ?? Buffer.alloc(0), Buffer.from(' ')]),
  );
}

function flipped(path: string): Files {
  const files = makePackage();
  const bytes = Buffer.from(files.get(path) ?? '');
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
  return new Map(files).set(path, bytes);
}

function wrongSize(): Files {
  const files = makePackage();
  const manifest = manifestOf(withManifest(files, manifestOf(files)));
  const listed = Object.entries(manifest.files).map(([path, file]) => [
    path,
    { ...file, sizeBytes: file.sizeBytes + 1 },
  ]);
  return remanifested(() => ({ files: Object.fromEntries(listed) }));
}
