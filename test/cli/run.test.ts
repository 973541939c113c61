import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { projectRoot, type RunningProcess, startProcess } from '../support/processes.ts';
import { runAndon } from './run-andon.ts';

const WITHIN_MS = 90_000;

it('becomes the agent: one process beside its engine, which ends as the agent does', {
  timeout: WITHIN_MS,
}, async () => {
  const models = join(projectRoot, 'models');
  const agent = startPart('agent', {
    device: { id: 'lone' },
    sources: { line: { kind: 'simulated-line', ratePerS: 10 } },
    slots: { 'machine-failure': { source: 'line', model: join(models, 'milling-failure', '2') } },
    trust: { metadata: join(models, 'trust') },
  });
  expect((await agent.logged('listening', WITHIN_MS)).pid).toBe(agent.child.pid);
  expect(await agent.end('SIGTERM')).toBe(0);
  expect(agent.lines.at(-1)?.event).toBe('stopped');
});

it('becomes the server, which ends as the server does', { timeout: WITHIN_MS }, async () => {
  const server = startPart('server', { broker: { kind: 'embedded', port: 0 } });
  await server.logged('listening', WITHIN_MS);
  expect(await server.end('SIGTERM')).toBe(0);
  expect(server.lines.at(-1)?.event).toBe('stopped');
});

it('tells why a part did not start, by its words and by its exit code', { timeout: WITHIN_MS }, async () => {
  const { code, stderr } = await runAndon('agent', '--config', 'no-such-file.json');
  expect(code).toBe(1);
  expect(stderr).toContain('no-such-file.json');
});

function startPart(part: string, config: Record<string, unknown>): RunningProcess {
  const folder = mkdtempSync(join(tmpdir(), 'andon-run-'));
  const file = join(folder, 'config.json');
  writeFileSync(file, JSON.stringify({ ...config, dataDir: join(folder, 'data'), http: { port: 0 } }));
  const running = startProcess('cli/andon.ts', [part, '--config', file]);
  onTestFinished(async () => {
    await running.end('SIGKILL');
    rmSync(folder, { recursive: true });
  });
  return running;
}
