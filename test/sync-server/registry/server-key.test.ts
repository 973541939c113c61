import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { publicKeyFileSchema } from '../../../protocol/keys.ts';
import { loadServerKey } from '../../../sync-server/registry/server-key.ts';
import { temporaryFolder } from '../support.ts';

describe('the server’s key', () => {
  it('is made once and read ever after', () => {
    const folder = temporaryFolder();
    expect(loadServerKey(folder).key.keyId).toBe(loadServerKey(folder).key.keyId);
  });

  it('can be read by its owner alone, while its public half is a file for the makers of the root', () => {
    const folder = temporaryFolder();
    const { key, publicKeyFile } = loadServerKey(folder);
    expect(statSync(join(folder, 'keys', 'server.pem')).mode & 0o777).toBe(0o600);
    const text = readFileSync(publicKeyFile, 'utf8');
    expect(publicKeyFileSchema.parse(JSON.parse(text))).toEqual({ publicKey: key.publicHex });
    expect(text).not.toContain('PRIVATE');
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
