import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { ServiceManager } from '../../daemon/service-manager.ts';
import { describeWithSystemdNotify, NotifySocket } from '../support/notify-socket.ts';
import { waitFor } from '../support/wait-for.ts';

const managers = new Set<ServiceManager>();
afterEach(() => {
  for (const manager of managers) manager.end();
  managers.clear();
});

function managerIn(env: NodeJS.ProcessEnv) {
  const errors: Error[] = [];
  const manager = new ServiceManager({
    env: { PATH: process.env.PATH, ...env },
    onError: (error) => errors.push(error),
  });
  managers.add(manager);
  return { manager, errors };
}

it('does nothing where no service manager listens', () => {
  const { manager } = managerIn({ WATCHDOG_USEC: '30000000' });
  manager.ready();
  manager.alive();
  expect(manager.listens).toBe(false);
  expect(manager.watchdogMs).toBeUndefined();
});

it('says once that nobody takes what it tells, and goes on', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'andon-no-notify-'));
  const { manager, errors } = managerIn({ NOTIFY_SOCKET: join(folder, 'nobody') });
  await waitFor('an error', () => {
    manager.alive();
    return errors.length > 0;
  });
  manager.alive();
  expect(errors).toHaveLength(1);
  rmSync(folder, { recursive: true });
});

describeWithSystemdNotify('the service manager', () => {
  it('hears all in order, a status once and in one line, and the last word too', async () => {
    const socket = await new NotifySocket().start();
    const { manager, errors } = managerIn({ NOTIFY_SOCKET: socket.path, WATCHDOG_USEC: '30000000' });
    expect(manager.watchdogMs).toBe(30_000);
    manager.starting(1500);
    manager.ready();
    manager.status('It is\nhot. $(touch /tmp/x) "quoted" \\ 100 %');
    manager.status('It is hot. $(touch /tmp/x) "quoted" \\ 100 %');
    manager.alive();
    manager.stopping();
    manager.end();
    await waitFor('all', () => socket.messages.includes('STOPPING=1'));
    expect(socket.messages).toEqual([
      'EXTEND_TIMEOUT_USEC=1500000',
      'READY=1',
      'STATUS=It is hot. $(touch /tmp/x) "quoted" \\ 100 %',
      'WATCHDOG=1',
      'STOPPING=1',
    ]);
    expect(errors).toEqual([]);
    await socket.stop();
  });
});
