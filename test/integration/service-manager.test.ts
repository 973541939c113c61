/** The real agent and server under a service manager: ready when they serve, alive while they get on, silent when they do not. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { type DeviceOptions, DeviceProcess } from '../faults/support/device-process.ts';
import { enginePid } from '../faults/support/engine-pid.ts';
import { testTimeoutMs } from '../faults/support/form.ts';
import { newFolder, writeJson } from '../faults/support/scene.ts';
import { describeWithSystemdNotify, NotifySocket } from '../support/notify-socket.ts';
import { startProcess } from '../support/processes.ts';
import { waitFor } from '../support/wait-for.ts';

const WATCHDOG_MS = 2000;
const WAIT_MS = 60_000;
const ALIVE = 'WATCHDOG=1';

async function newSocket() {
  const socket = await new NotifySocket().start();
  onTestFinished(() => socket.stop());
  const env = { NOTIFY_SOCKET: socket.path, WATCHDOG_USEC: String(WATCHDOG_MS * 1000) };
  const aliveAgain = async () => {
    const before = socket.count(ALIVE);
    await waitFor('more signs of life', () => socket.count(ALIVE) >= before + 2, WAIT_MS);
  };
  /** Resolves when the watchdog would have fired. */
  const silent = async () => {
    let count = socket.count(ALIVE);
    let sinceMs = Date.now();
    await waitFor(
      'the end of all signs of life',
      () => {
        if (socket.count(ALIVE) !== count) {
          count = socket.count(ALIVE);
          sinceMs = Date.now();
        }
        return Date.now() - sinceMs > WATCHDOG_MS;
      },
      WAIT_MS,
    );
  };
  return { socket, env, aliveAgain, silent };
}

/** A plate every 20 ms. */
async function startDevice(env: NodeJS.ProcessEnv, options: DeviceOptions = {}) {
  const folder = newFolder();
  const device = new DeviceProcess(folder, { everyMs: 20, env, ...options });
  await device.start();
  return device;
}

describeWithSystemdNotify('the agent under a service manager', () => {
  it(
    'is ready once a model serves, says what runs, and says goodbye',
    async () => {
      const { socket, env, aliveAgain } = await newSocket();
      const device = await startDevice(env);
      await aliveAgain();
      expect(socket.messages[0]).toBe('READY=1');
      expect(socket.messages[1]).toMatch(/^STATUS=surface: steel-surface 1\./);
      expect(socket.count('READY=1')).toBe(1);
      expect(await device.end()).toBe(0);
      await waitFor('goodbye', () => socket.messages.at(-1) === 'STOPPING=1');
    },
    testTimeoutMs,
  );

  it(
    'gives no sign of life while its event loop stands still',
    async () => {
      const { env, aliveAgain, silent } = await newSocket();
      const device = await startDevice(env);
      await aliveAgain();
      process.kill(device.pid, 'SIGSTOP');
      await silent();
      process.kill(device.pid, 'SIGCONT');
      await aliveAgain();
    },
    testTimeoutMs,
  );

  it(
    'gives none while no engine ever answers, and some again when one does',
    async () => {
      const { env, aliveAgain, silent } = await newSocket();
      const device = await startDevice(env);
      await aliveAgain();
      const strike = setInterval(() => {
        const engine = enginePid(device.pid);
        try {
          if (engine !== undefined) process.kill(engine, 'SIGSTOP');
        } catch {
          // The agent has just ended it.
        }
      }, 50);
      onTestFinished(() => clearInterval(strike));
      await silent();
      clearInterval(strike);
      await aliveAgain();
    },
    testTimeoutMs,
  );

  it(
    'goes on with signs of life when there is nothing to do',
    async () => {
      const { env, aliveAgain } = await newSocket();
      const device = await startDevice(env, { samples: 5 });
      await device.unsentAtLeast(5);
      await aliveAgain();
      await aliveAgain();
    },
    testTimeoutMs,
  );

  it(
    'is not ready without a model, and asks for time for as long as it has none',
    async () => {
      const { socket, env } = await newSocket();
      const device = await startDevice(env, { slot: { model: join(newFolder(), 'none') } });
      await waitFor(
        'a word',
        () => socket.messages.some((each) => each.startsWith('EXTEND_TIMEOUT_USEC=')),
        WAIT_MS,
      );
      await waitFor('the page to say so', () => device.output.includes('listening'), WAIT_MS);
      expect(socket.messages).toContain('STATUS=surface: no model.');
      expect(socket.messages).not.toContain('READY=1');
      expect(socket.messages).not.toContain(ALIVE);
    },
    testTimeoutMs,
  );
});

describeWithSystemdNotify('the server under a service manager', () => {
  it(
    'is ready once devices and people can reach it, alive, and says goodbye',
    async () => {
      const { socket, env, aliveAgain } = await newSocket();
      const folder = newFolder();
      mkdirSync(folder, { recursive: true });
      const config = writeJson(join(folder, 'server.json'), {
        dataDir: join(folder, 'data'),
        broker: { kind: 'embedded', port: 0 },
        http: { port: 0 },
      });
      const server = startProcess('sync-server/start.ts', ['--config', config], env);
      onTestFinished(async () => void (await server.end()));
      await server.logged('listening');
      await aliveAgain();
      expect(socket.messages[0]).toBe('READY=1');
      expect(socket.messages[1]).toMatch(/^STATUS=Console at http:/);
      expect(await server.end()).toBe(0);
      await waitFor('goodbye', () => socket.messages.at(-1) === 'STOPPING=1');
    },
    testTimeoutMs,
  );
});
