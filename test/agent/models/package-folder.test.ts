import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  prunePackageFolders,
  readPackageFolder,
  writePackageFolder,
} from '../../../agent/models/package-folder.ts';
import { LIMITS } from '../../../protocol/limits.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'andon-packages-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('a package folder', () => {
  it('reads what was written, folders within it included', async () => {
    const files = new Map([
      ['manifest.json', Buffer.from('{}')],
      ['deep/er/model.onnx', Buffer.from([1, 2, 3])],
    ]);
    const written = await writePackageFolder(folder, 'a', files);
    expect(await readPackageFolder(written)).toEqual(files);
  });

  it('replaces a damaged package whole', async () => {
    mkdirSync(join(folder, 'a'));
    writeFileSync(join(folder, 'a', 'left-over'), 'x');
    const files = new Map([['manifest.json', Buffer.from('{}')]]);
    expect(await readPackageFolder(await writePackageFolder(folder, 'a', files))).toEqual(files);
  });

  it.each(['../escaped', '/etc/escaped', 'a/../../escaped', 'a\\b', ''])(
    'refuses to write the path "%s", and leaves nothing',
    async (path) => {
      const files = new Map([[path, Buffer.from('x')]]);
      await expect(writePackageFolder(folder, 'a', files)).rejects.toMatchObject({
        code: 'PACKAGE_PATH_UNSAFE',
      });
      expect(existsSync(join(folder, 'a'))).toBe(false);
      expect(existsSync(join(folder, '..', 'escaped'))).toBe(false);
    },
  );

  it('refuses links that lead out of it', async () => {
    mkdirSync(join(folder, 'a'));
    symlinkSync('/etc/hostname', join(folder, 'a', 'model.onnx'));
    await expect(readPackageFolder(join(folder, 'a'))).rejects.toMatchObject({ code: 'PACKAGE_PATH_UNSAFE' });
  });

  it('refuses more files than a package may have', async () => {
    mkdirSync(join(folder, 'a'));
    for (let i = 0; i <= LIMITS.packageFiles; i++) writeFileSync(join(folder, 'a', String(i)), '');
    await expect(readPackageFolder(join(folder, 'a'))).rejects.toMatchObject({ code: 'PACKAGE_TOO_LARGE' });
  });

  it('says which folder it cannot read', async () => {
    await expect(readPackageFolder(join(folder, 'none'))).rejects.toMatchObject({
      code: 'MODEL_UNREADABLE',
      message: expect.stringContaining(join(folder, 'none')),
    });
  });

  it('prunes what nobody needs and what a crash left unfinished', async () => {
    for (const name of ['keep', 'old', '.unfinished-old', '.unfinished-keep']) mkdirSync(join(folder, name));
    await prunePackageFolders(folder, (name) => name === 'keep');
    expect(
      ['keep', 'old', '.unfinished-old', '.unfinished-keep'].map((n) => existsSync(join(folder, n))),
    ).toEqual([true, false, false, true]);
  });
});
