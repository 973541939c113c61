import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { trustedKeysSchema } from '../../../protocol/keys.ts';
import { readTrustedKeys } from '../../../protocol/trusted-keys.ts';
import { loadServerKey } from '../../../sync-server/registry/server-key.ts';
import { temporaryFolder } from '../support.ts';

describe('the server’s key', () => {
  it('is made once and read ever after', () => {
    const folder = temporaryFolder();
    expect(loadServerKey(folder).key.keyId).toBe(loadServerKey(folder).key.keyId);
  });

  it('can be read by its owner alone, while its public half is a file that devices can trust', () => {
    const folder = temporaryFolder();
    const { key, publicKeysFile } = loadServerKey(folder);
    expect(statSync(join(folder, 'keys', 'server.pem')).mode & 0o777).toBe(0o600);
    const text = readFileSync(publicKeysFile, 'utf8');
    expect(trustedKeysSchema.parse(JSON.parse(text)).keys).toEqual([
      { name: 'server', publicKey: key.publicHex },
    ]);
    expect(text).not.toContain('PRIVATE');
    expect(readTrustedKeys([publicKeysFile]).map((trusted) => trusted.keyId)).toEqual([key.keyId]);
  });

  it('is never replaced silently when it is damaged', () => {
    const folder = temporaryFolder();
    loadServerKey(folder);
    const file = join(folder, 'keys', 'server.pem');
    writeFileSync(file, 'scrambled');
    expect(() => loadServerKey(folder)).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }));
    expect(readFileSync(file, 'utf8')).toBe('scrambled');
  });
});

describe('trusted-keys files', () => {
  it('names the file that cannot be read', () => {
    expect(() => readTrustedKeys(['/nowhere/keys.json'])).toThrow(
      expect.objectContaining({
        code: 'TRUSTED_KEYS_UNREADABLE',
        message: expect.stringContaining('/nowhere/keys.json'),
      }),
    );
  });
});
