/** A signal that comes while a process still starts must end it as cleanly as a later one. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { projectRoot, startProcess, waitFor } from '../support/processes.ts';

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'andon-early-signal-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

it('ends the agent cleanly that is told to stop as soon as its store is open', async () => {
  const folder = newFolder();
  const config = join(folder, 'device.json');
  const models = join(projectRoot, 'models');
  writeFileSync(
    config,
    JSON.stringify({
      device: { id: 'early' },
      dataDir: join(folder, 'data'),
      sources: { line: { kind: 'simulated-line', ratePerS: 50 } },
      slots: { failure: { source: 'line', model: join(models, 'milling-failure', '1') } },
      trust: { metadata: join(models, 'trust') },
      http: { port: 0 },
    }),
  );
  const agent = startProcess('agent/start.ts', ['--config', config]);
  onTestFinished(() => void agent.end('SIGKILL'));
  await waitFor(
    () => agent.lines.some(({ msg }) => msg === 'store opened'),
    30_000,
    () => agent.output(),
  );
  expect(await agent.end('SIGTERM')).toBe(0);
  expect(agent.lines.map(({ event }) => event)).toContain('stopped');
}, 60_000);

it('ends the server cleanly that is told to stop as soon as it says where it listens', async () => {
  const folder = newFolder();
  const config = join(folder, 'server.json');
  writeFileSync(
    config,
    JSON.stringify({
      dataDir: join(folder, 'data'),
      broker: { kind: 'embedded', port: 0 },
      http: { port: 0 },
    }),
  );
  const server = startProcess('sync-server/start.ts', ['--config', config]);
  onTestFinished(() => void server.end('SIGKILL'));
  await server.logged('listening');
  expect(await server.end('SIGTERM')).toBe(0);
  expect(server.lines.map(({ event }) => event)).toContain('stopped');
}, 60_000);
