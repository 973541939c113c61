import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readPackageFolder } from '../../cli/package-folder.ts';
import { signPackageFolder } from '../../cli/sign-package.ts';
import { generateSigningKey, publicKeyFromHex, trustedKeysSchema } from '../../protocol/keys.ts';
import { verifyPackage } from '../../protocol/package-verify.ts';
import { runAndon } from './run-andon.ts';

// Each command is a process of its own, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

const SHIPPED = fileURLToPath(new URL('../../models/milling-failure/1', import.meta.url));
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'andon-keys-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function packageCopy(name: string): string {
  const copy = join(folder, name);
  cpSync(SHIPPED, copy, { recursive: true });
  return copy;
}

describe('release keys on the command line', () => {
  it('makes a key pair whose signature the trusted-keys file verifies', async () => {
    const keys = join(folder, 'keys');
    expect(await runAndon('keys', 'init', keys)).toMatchObject({ code: 0 });
    expect(statSync(join(keys, 'release-key.pem')).mode & 0o777).toBe(0o600);

    const copy = packageCopy('signed');
    rmSync(join(copy, 'signature.json'), { force: true });
    expect(await runAndon('sign', copy, '--key', join(keys, 'release-key.pem'))).toMatchObject({ code: 0 });
    const verified = await runAndon('verify', copy, '--keys', join(keys, 'trusted-keys.json'));
    expect(verified).toMatchObject({ code: 0, stdout: expect.stringMatching(/milling-failure 1 is whole/) });

    const trusted = trustedKeysSchema.parse(
      JSON.parse(readFileSync(join(keys, 'trusted-keys.json'), 'utf8')),
    );
    const publicKeys = trusted.keys.map(({ publicKey }) => publicKeyFromHex(publicKey));
    expect(verifyPackage(readPackageFolder(copy), publicKeys).manifest.version).toBe(1);

    const again = await runAndon('keys', 'init', keys);
    expect(again).toMatchObject({ code: 1, stderr: expect.stringMatching(/stays as it is/) });
  });

  it.each([
    ['release-key.pem', 'trusted-keys.json'],
    ['trusted-keys.json', 'release-key.pem'],
  ])('writes no half of a pair beside a %s that is there already', async (there, other) => {
    const keys = join(folder, `half-${there}`);
    mkdirSync(keys);
    writeFileSync(join(keys, there), 'precious');
    expect(await runAndon('keys', 'init', keys)).toMatchObject({ code: 1 });
    expect(readFileSync(join(keys, there), 'utf8')).toBe('precious');
    expect(existsSync(join(keys, other))).toBe(false);
  });

  it('does not sign a package whose file was changed', () => {
    const copy = packageCopy('changed');
    writeFileSync(join(copy, 'model.onnx'), 'another model');
    const before = readFileSync(join(copy, 'manifest.json'));
    expect(() => signPackageFolder(copy, generateSigningKey())).toThrow(
      expect.objectContaining({ code: 'PACKAGE_HASH_MISMATCH' }),
    );
    expect(readFileSync(join(copy, 'manifest.json'))).toEqual(before);
  });

  it('keeps signatures by other keys, and replaces its own', () => {
    const copy = packageCopy('two-keys');
    rmSync(join(copy, 'signature.json'), { force: true });
    const [one, two] = [generateSigningKey(), generateSigningKey()];
    for (const key of [one, two, two]) signPackageFolder(copy, key);
    const { signatures } = JSON.parse(readFileSync(join(copy, 'signature.json'), 'utf8'));
    expect(signatures).toHaveLength(2);
    expect(verifyPackage(readPackageFolder(copy), [one]).manifest.version).toBe(1);
  });

  it('explains a package that nobody it trusts has signed, and exits with 1', async () => {
    const copy = packageCopy('foreign');
    rmSync(join(copy, 'signature.json'), { force: true });
    const ran = await runAndon('verify', copy);
    expect(ran).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/no signature\.json\.\n {2}Sign/),
    });
  });
});

describe('reading a package folder', () => {
  it('leaves hidden files out and says what is not a package', () => {
    const copy = packageCopy('hidden');
    writeFileSync(join(copy, '.DS_Store'), 'x');
    expect([...readPackageFolder(copy).keys()]).not.toContain('.DS_Store');
    expect(() => readPackageFolder(folder)).toThrow(expect.objectContaining({ code: 'FOLDER_UNREADABLE' }));
    expect(() => readPackageFolder(join(folder, 'none'))).toThrow(/cannot be read \(ENOENT\)/);
  });
});
