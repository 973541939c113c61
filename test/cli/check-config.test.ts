/** `--check`: what a service manager asks before it restarts a part with a new configuration. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { projectRoot } from '../support/processes.ts';
import { runAndon } from './run-andon.ts';

// Each command is a process of its own, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

function file(config: object): string {
  const folder = mkdtempSync(join(tmpdir(), 'andon-check-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'config.json');
  writeFileSync(path, JSON.stringify(config));
  return path;
}

it('says that a configuration has no mistake, and starts nothing', async () => {
  const device = join(projectRoot, 'device.config.json');
  expect(await runAndon('agent', '--check', '--config', device)).toEqual({
    code: 0,
    stdout: `The configuration ${device} has no mistake.\n`,
    stderr: '',
  });
  expect(await runAndon('server', '--check', '--config', file({}))).toMatchObject({ code: 0 });
});

it('lists every mistake, and fails', async () => {
  const agent = await runAndon('agent', '--check', '--config', file({ device: {}, slotz: {} }));
  expect(agent).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/device\.id.*\n.*slotz/s),
  });
  const server = await runAndon('server', '--check', '--config', file({ dataDir: 7 }));
  expect(server).toMatchObject({ code: 1, stderr: expect.stringContaining('dataDir') });
});
