/** The units that ship, run by a real systemd: ready when a model serves, killed and started again when the agent stands still. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { testTimeoutMs } from '../faults/support/form.ts';
import { newFolder, writeJson } from '../faults/support/scene.ts';
import { projectRoot, waitFor } from '../support/processes.ts';
import { describeWithSystemd, Systemd } from '../support/systemd.ts';

const WAIT_MS = 90_000;
const AGENT = 'andon-agent.service';

const shipped = (unit: string) => readFileSync(join(projectRoot, 'deploy', unit), 'utf8');

async function newSystemd(units: Record<string, string>, wants: readonly string[]): Promise<Systemd> {
  const systemd = new Systemd();
  onTestFinished(() => systemd.stop());
  return systemd.start(units, wants);
}

/** As shipped, less what needs a user of its own and an installation in /opt, and with a short watchdog. */
function agentUnit(config: string): string {
  const start = `ExecStart=${process.execPath} --import tsx agent/start.ts --config ${config}`;
  return shipped(AGENT)
    .replaceAll(/^(User|Group|StateDirectory|ProtectSystem|ProtectHome|PrivateTmp|After)=.*\n/gm, '')
    .replace(/^WorkingDirectory=.*$/m, `WorkingDirectory=${projectRoot}`)
    .replace(/^ExecStart=.*$/m, start)
    .replace(/^WatchdogSec=.*$/m, 'WatchdogSec=8')
    .replace('[Unit]\n', '[Unit]\nDefaultDependencies=no\n');
}

describeWithSystemd('the agent as a service', () => {
  it(
    'is active once a model serves, comes back after it stood still, and stops when asked',
    async () => {
      const folder = newFolder();
      const config = writeJson(join(folder, 'device.json'), {
        device: { id: 'mill-1' },
        dataDir: join(folder, 'data'),
        sources: { line: { kind: 'simulated-line', ratePerS: 20 } },
        slots: { milling: { source: 'line', model: join(projectRoot, 'models/milling-failure/1') } },
        trust: { metadata: join(projectRoot, 'models/trust') },
        http: { port: 0 },
      });
      const systemd = await newSystemd({ [AGENT]: agentUnit(config) }, [AGENT]);
      const is = (property: string, value: string) =>
        waitFor(async () => (await systemd.show(AGENT, property)) === value, WAIT_MS, `${property} ${value}`);
      await is('ActiveState', 'active');
      expect(await systemd.show(AGENT, 'StatusText')).toBe('milling: milling-failure 1.');

      await systemd.kill('STOP', await systemd.show(AGENT, 'MainPID'));
      await is('Result', 'watchdog');
      await is('NRestarts', '1');
      await is('ActiveState', 'active');

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
