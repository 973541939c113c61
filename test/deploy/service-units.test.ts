/** The unit files that ship, as systemd itself reads them. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { projectRoot } from '../support/processes.ts';

const UNITS = ['andon-agent.service', 'andon-server.service'];
/** Of 10; what docs/systemd.md says, and a little room for newer versions of systemd that ask for more. */
const MAX_EXPOSURE = 2;
const WITHIN_MS = 60_000;

const run = (...args: string[]) => promisify(execFile)('systemd-analyze', args, { timeout: WITHIN_MS });

/** With a program and a folder that this machine has. */
function unitHere(unit: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'andon-units-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const text = readFileSync(join(projectRoot, 'deploy', unit), 'utf8');
  const path = join(folder, unit);
  writeFileSync(path, text.replace('/usr/bin/node', process.execPath).replaceAll('/opt/andon', projectRoot));
  return path;
}

describe.skipIf(!hasSystemdAnalyze())('the service units', () => {
  it.each(UNITS)('of %s have no mistake that systemd knows', async (unit) => {
    const { stdout, stderr } = await run('verify', unitHere(unit));
    expect(stdout + stderr).toBe('');
  });

  it('of the reload of Mosquitto have none either', async () => {
    const units = ['path', 'service'].map((kind) =>
      join(projectRoot, `deploy/andon-mosquitto-reload.${kind}`),
    );
    const { stdout, stderr } = await run('verify', ...units);
    expect(stdout + stderr).toBe('');
  });

  it.each(UNITS)('of %s leave little open', async (unit) => {
    const { stdout } = await run('security', '--offline=true', unitHere(unit));
    const exposure = Number(/exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1]);
    expect(exposure).toBeLessThanOrEqual(MAX_EXPOSURE);
  });
});

function hasSystemdAnalyze(): boolean {
  try {
    execFileSync('systemd-analyze', ['--version'], { stdio: 'ignore', timeout: WITHIN_MS });
    return true;
  } catch {
    return false;
  }
}
