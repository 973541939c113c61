import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { Tokens } from '../../sync-server/access/tokens.ts';
import { temporaryFolder, temporaryStore } from '../sync-server/support.ts';
import { runAndon } from './run-andon.ts';

// Processes of their own, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 });

describe('andon tokens and andon audit', () => {
  it('make, list and revoke a token while the server has its store open, and keep its log whole', async () => {
    const folder = join(temporaryFolder(), 'server');
    mkdirSync(folder);
    const store = temporaryStore(folder);
    const tokens = new Tokens({ store, clock: { wallMs: () => Date.now() } });
    const data = ['--data', folder];

    const added = await runAndon('tokens', 'add', 'anna', 'operator', '--days', '30', ...data, '--json');
    expect(added.stderr).toBe('');
    const { token } = JSON.parse(added.stdout) as { token: string };
    expect(tokens.find(token)).toEqual({ name: 'anna', role: 'operator' });

    const listed = await runAndon('tokens', 'list', ...data);
    expect(listed.stdout).toMatch(/NAME +ROLE[\s\S]*anna +operator/);
    expect(listed.stdout).not.toContain(token);

    const revoked = await runAndon('tokens', 'revoke', 'anna', ...data);
    expect(revoked.stdout).toContain('nobody may call');
    expect(tokens.find(token)).toBeUndefined();

    const verified = await runAndon('audit', 'verify', ...data);
    expect(verified).toMatchObject({ code: 0, stdout: expect.stringContaining('All 2 rows hold') });
    const cut = await runAndon('audit', 'verify', ...data, '--expect', `3:${'0'.repeat(64)}`);
    expect(cut).toMatchObject({ code: 1, stderr: expect.stringContaining('Row 3 of the audit log is gone') });
  });

  it('make nothing in a folder where no server ran', async () => {
    const { code, stderr } = await runAndon('tokens', 'add', 'anna', 'viewer', '--data', temporaryFolder());
    expect([code, stderr]).toEqual([1, expect.stringContaining('a server that ran once')]);
  });
});
