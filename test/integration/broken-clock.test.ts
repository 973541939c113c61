/** The real agent with a clock that is wrong: it boots with no network, serves its last model, and tells the line, the page and the server. */
import { mkdirSync } from 'node:fs';
import { connect } from 'mqtt';
import { expect, it, onTestFinished } from 'vitest';
import { WebhookReceiver } from '../agent/alarm-output/webhook-receiver.ts';
import { DeviceProcess } from '../faults/support/device-process.ts';
import { testTimeoutMs } from '../faults/support/form.ts';
import { newFolder } from '../faults/support/scene.ts';
import { ServerProcess } from '../faults/support/server-process.ts';
import { startAedes } from '../support/brokers.ts';
import { describeWithFakeClock, FakeClock } from '../support/fake-clock.ts';
import { describeWithSystemdNotify, NotifySocket } from '../support/notify-socket.ts';
import { waitFor } from '../support/processes.ts';

const WAIT_MS = 60_000;
const HOUR_MS = 3_600_000;

function clockAt(nowMs: number): FakeClock {
  const clock = new FakeClock(nowMs);
  onTestFinished(() => clock.remove());
  return clock;
}

async function newReceiver() {
  const receiver = await new WebhookReceiver().start();
  onTestFinished(() => receiver.stop());
  const told = (code: string, state: string) =>
    waitFor(
      () => receiver.received.some(({ message }) => message.code === code && message.state === state),
      WAIT_MS,
      () => `${code} ${state}; heard ${JSON.stringify(receiver.received.map(({ message }) => message))}`,
    );
  return { receiver, told, output: { kind: 'webhook', url: receiver.url } };
}

describeWithFakeClock('a device whose clock is wrong', () => {
  it(
    'serves its last model with no network in 1970 and in 2038, and says so at the page and to the line',
    async () => {
      const clock = clockAt(Date.UTC(1970, 0, 1, 0, 1));
      const { receiver, told, output } = await newReceiver();
      const device = new DeviceProcess(newFolder(), {
        everyMs: 20,
        env: clock.env,
        alarms: { outputs: [output] },
      });
      await device.start();
      await device.unsentAtLeast(20);
      await told('clock-off', 'raised');
      const { device: shown, alarms, headline } = await device.status();
      expect(new Date(shown.nowMs).getUTCFullYear()).toBe(1970);
      expect(headline.text).toMatch(/shows 1970-01-01 00:0\d, but it has been 20/);
      expect(alarms.map(({ code }) => code)).toContain('clock-off');
      await device.end();

      clock.set(Date.UTC(2038, 0, 20));
      const heard = () => receiver.received.filter(({ message }) => message.code === 'clock-off').length;
      const before = heard();
      await device.start();
      await device.unsentAtLeast(60);
      await waitFor(
        async () => (await device.status()).headline.text.includes('shows 2038-01-20'),
        WAIT_MS,
        'the page to say so',
      );
      // It is still the same alarm: found again, so nobody is told anew.
      expect(heard()).toBe(before);

      clock.set(Date.now());
      await told('clock-off', 'cleared');
      const ofClock = receiver.received.filter(({ message }) => message.code === 'clock-off');
      expect(new Set(ofClock.map(({ message }) => message.alarm)).size).toBe(1);
      expect(await device.end()).toBe(0);
    },
    testTimeoutMs,
  );

  it(
    'knows it by the server’s acknowledgements, and the server shows it for as long as it is so',
    async () => {
      const folder = newFolder();
      mkdirSync(folder, { recursive: true });
      const server = await ServerProcess.start(folder);
      const clock = clockAt(Date.now() - 3 * HOUR_MS);
      const device = new DeviceProcess(folder, { everyMs: 20, env: clock.env, broker: server.brokerUrl });
      await device.start();
      const reported = async () => {
        const [found] = (await server.fleet()).devices;
        // A busy test machine may have alarms of its own.
        return found?.reported?.alarms?.filter(({ code }) => code === 'clock-off').map(({ text }) => text);
      };
      let alarms: unknown;
      const shown = (count: number) =>
        waitFor(
          async () => {
            const found = await reported();
            alarms = found;
            return found?.length === count;
          },
          WAIT_MS,
          () => `${count} alarms at the server; there are ${JSON.stringify(alarms)}`,
        );
      await shown(1);
      expect(alarms).toEqual(['The clock of this device is 3 hours behind the server’s.']);
      clock.set(Date.now());
      await shown(0);
      const events = (await server.fleet()).events.filter(({ kind }) => kind === 'clock-off');
      expect(events.map(({ severity }) => severity)).toEqual(['info', 'warning']);
    },
    testTimeoutMs,
  );

  describeWithSystemdNotify('under a service manager', () => {
    it(
      'is ready, and its signs of life do not follow the wall clock',
      async () => {
        const socket = await new NotifySocket().start();
        onTestFinished(() => socket.stop());
        const clock = clockAt(Date.UTC(1970, 0, 1));
        const env = { ...clock.env, NOTIFY_SOCKET: socket.path, WATCHDOG_USEC: '2000000' };
        const device = new DeviceProcess(newFolder(), { everyMs: 20, env });
        await device.start();
        const aliveAfter = async (count: number) => {
          const before = socket.count('WATCHDOG=1');
          await waitFor(() => socket.count('WATCHDOG=1') >= before + count, WAIT_MS, 'signs of life');
        };
        await aliveAfter(2);
        expect(socket.messages[0]).toBe('READY=1');
        clock.set(Date.UTC(2038, 0, 20));
        await aliveAfter(2);
        clock.set(Date.UTC(1999, 0, 1));
        await aliveAfter(2);
      },
      testTimeoutMs,
    );
  });

  it(
    'tells a signal tower on a broker of the line, without any server',
    async () => {
      const broker = await startAedes();
      onTestFinished(() => broker.stop());
      const clock = clockAt(Date.UTC(1970, 0, 1));
      const device = new DeviceProcess(newFolder(), {
        everyMs: 20,
        env: clock.env,
        alarms: { outputs: [{ kind: 'mqtt', broker: broker.url, topic: 'cell-4/andon', keepaliveS: 5 }] },
      });
      await device.start();
      const lamps: string[] = [];
      const tower = connect(broker.url);
      onTestFinished(() => void tower.end(true));
      tower.on('connect', () => tower.subscribe('cell-4/andon/state', { qos: 1 }));
      tower.on('message', (_, payload) => {
        lamps.push((JSON.parse(payload.toString()) as { state: string }).state);
      });
      await waitFor(
        () => lamps.at(-1) === 'warning',
        WAIT_MS,
        () => `a lit lamp: ${lamps}`,
      );
      await device.kill();
      await waitFor(() => lamps.at(-1) === 'unknown', WAIT_MS, 'the tower to know that nobody watches');
    },
    testTimeoutMs,
  );
});
