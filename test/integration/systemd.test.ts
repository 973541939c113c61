/** The units that ship, run by a real systemd: ready when a model serves, killed and started again when the agent stands still. */
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { testTimeoutMs } from '../faults/support/form.ts';
import { newFolder, writeJson } from '../faults/support/scene.ts';
import { projectRoot, waitFor } from '../support/processes.ts';
import { describeWithSystemd, Systemd } from '../support/systemd.ts';

const WAIT_MS = 90_000;
const AGENT = 'andon-agent.service';

const shipped = (unit: string) => readFileSync(join(projectRoot, 'deploy', unit), 'utf8');

async function newSystemd(...world: Parameters<Systemd['start']>): Promise<Systemd> {
  const systemd = new Systemd();
  onTestFinished(() => systemd.stop());
  return systemd.start(...world);
}

/** As shipped, but from the sources, with a short watchdog, and without the rest of a booting machine. */
function agentUnit(): string {
  const node = `${process.execPath} --import tsx /opt/andon`;
  return (
    shipped(AGENT)
      // The main process is the one that a test can freeze: not the command that starts it.
      .replace('/usr/bin/node /opt/andon/cli/andon.mjs agent --config', `${node}/agent/start.ts --config`)
      .replace('/usr/bin/node /opt/andon/cli/andon.mjs', `${node}/cli/andon.ts`)
      .replace(/^WatchdogSec=.*$/m, 'WatchdogSec=8')
      .replace('[Unit]\n', '[Unit]\nDefaultDependencies=no\n')
  );
}

/**
 * The machine as docs/systemd.md has it installed, for whoever looks from inside: the project in /opt, the user, /etc/andon.
 * @param etc a folder that stands there as /etc/andon
 */
function installed(etc: string): string[] {
  return [
    // A copy, in which there may be one more user.
    'cp -a /etc /run/etc && mount --bind /run/etc /etc',
    'useradd --system --home /var/lib/andon andon',
    `mkdir -p /etc/andon && mount --bind ${etc} /etc/andon`,
    `mount -t tmpfs tmpfs /opt && mkdir /opt/andon && mount --bind ${projectRoot} /opt/andon`,
    'mount -t tmpfs tmpfs /var/lib',
    'mount -t tmpfs tmpfs /tmp',
  ];
}

describeWithSystemd('the agent as a service', () => {
  it(
    'is active once a model serves, comes back after it stood still, and stops when asked',
    async () => {
      const folder = newFolder();
      chmodSync(folder, 0o755);
      const config = {
        device: { id: 'mill-1' },
        dataDir: '/var/lib/andon',
        sources: { line: { kind: 'simulated-line', ratePerS: 20 } },
        slots: { milling: { source: 'line', model: '/opt/andon/models/milling-failure/1' } },
        trust: { metadata: '/opt/andon/models/trust' },
        http: { port: 0 },
      };
      const file = writeJson(join(folder, 'device.config.json'), config);
      const systemd = await newSystemd({ [AGENT]: agentUnit() }, [AGENT], installed(folder));
      const is = (property: string, value: string) =>
        waitFor(async () => (await systemd.show(AGENT, property)) === value, WAIT_MS, `${property} ${value}`);
      await is('ActiveState', 'active');
      await is('StatusText', 'milling: milling-failure 1.');

      await systemd.kill('STOP', await systemd.show(AGENT, 'MainPID'));
      await is('Result', 'watchdog');
      await is('NRestarts', '1');
      await is('ActiveState', 'active');

      // A reload with a mistake is refused and changes nothing; without one it is a restart.
      const pid = await systemd.show(AGENT, 'MainPID');
      writeFileSync(file, JSON.stringify({ ...config, slots: { milling: { source: 'lime' } } }));
      await expect(systemd.systemctl('reload', AGENT)).rejects.toThrow();
      expect(await systemd.show(AGENT, 'MainPID')).toBe(pid);
      expect(await systemd.show(AGENT, 'ActiveState')).toBe('active');
      writeFileSync(file, JSON.stringify(config));
      await systemd.systemctl('reload', AGENT);
      await is('NRestarts', '2');
      await is('ActiveState', 'active');
      expect(await systemd.show(AGENT, 'MainPID')).not.toBe(pid);

      await systemd.systemctl('stop', AGENT);
      expect(await systemd.show(AGENT, 'ActiveState')).toBe('inactive');
      expect(await systemd.show(AGENT, 'Result')).toBe('success');
    },
    testTimeoutMs,
  );
});

describeWithSystemd('the units beside Mosquitto', () => {
  it(
    'reload it when the server has written who may connect',
    async () => {
      const folder = newFolder();
      const rules = join(folder, 'mosquitto.acl');
      const reloaded = join(folder, 'reloaded');
      writeFileSync(rules, 'before');
      const bare = '[Unit]\nDefaultDependencies=no\n';
      const systemd = await newSystemd(
        {
          'mosquitto.service': `${bare}[Service]\nExecStart=/bin/sleep infinity\nExecReload=/bin/touch ${reloaded}\n`,
          'andon-mosquitto-reload.service': `${bare}${shipped('andon-mosquitto-reload.service')}`,
          'andon-mosquitto-reload.path': `${bare}${shipped('andon-mosquitto-reload.path').replace(
            /^PathChanged=.*$/m,
            `PathChanged=${rules}`,
          )}`,
        },
        ['mosquitto.service', 'andon-mosquitto-reload.path'],
      );
      await waitFor(
        async () => (await systemd.show('andon-mosquitto-reload.path', 'ActiveState')) === 'active',
        WAIT_MS,
        'the watch',
      );
      const isReloaded = () => {
        try {
          rmSync(reloaded);
          return true;
        } catch {
          return false;
        }
      };
      writeFileSync(rules, 'after');
      await waitFor(isReloaded, WAIT_MS, 'a reload');
      const rests = async () =>
        (await systemd.show('andon-mosquitto-reload.service', 'ActiveState')) === 'inactive';
      await waitFor(rests, WAIT_MS, 'the end of the reload');
      writeFileSync(rules, 'later');
      await waitFor(isReloaded, WAIT_MS, 'another');
    },
    testTimeoutMs,
  );
});
