/** `andon enrol` on a device; `andon devices invite|revoke` and `andon pki export` for the server. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { cliError } from '../errors.ts';
import { projectRoot } from '../project.ts';
import { print, sharedOptions } from '../shared-options.ts';

export function addEnrolCommand(program: Command): void {
  program
    .command('enrol')
    .description('make this device’s key, and get its certificate by a one-time code')
    .argument('<code>', 'as andon devices invite printed it on the server')
    .requiredOption('--config <file>', 'device.config.json')
    .action(async (code: string, { config: file }: { config: string }) => {
      const { loadDeviceConfig } = await import('../../agent/config/load.ts');
      const { DeviceIdentity } = await import('../../agent/sync/device-identity.ts');
      const config = loadDeviceConfig(file);
      if (!config.sync?.identity) {
        throw cliError('ARGUMENT_INVALID', `${file} has no sync.identity.`, {
          hint: 'Add "identity": { "server": "http://the-server:8090" } to "sync", and an mqtts:// broker.',
        });
      }
      const identity = new DeviceIdentity({
        device: config.device.id,
        folder: join(config.dataDir, 'identity'),
        server: config.sync.identity.server,
        clock: { wallMs: () => Date.now() },
        onFailure: () => undefined,
      });
      await identity.enrol(code);
      const until = new Date(identity.endsAtMs).toISOString().slice(0, 10);
      console.log(`${config.device.id} has a certificate until ${until}. The agent renews it by itself.`);
    });
}

/** @param devices the command that lists them */
export function addIdentityCommands(devices: Command): void {
  devices
    .command('invite')
    .description('make a one-time code by which a device gets its certificate')
    .argument('<device>', 'its id')
    .action(async (device: string, _options, command: Command) => {
      const options = sharedOptions(command);
      const { code, expiresAtMs } = await options.api.inviteDevice(device);
      print(options, { device, code, expiresAtMs }, () =>
        [
          `On ${device}: andon enrol ${code} --config device.config.json`,
          `It counts once, until ${new Date(expiresAtMs).toISOString()}.`,
        ].join('\n'),
      );
    });
  devices
    .command('revoke')
    .description('end the certificates of a device at once')
    .argument('<device>', 'its id')
    .action(async (device: string, _options, command: Command) => {
      const options = sharedOptions(command);
      const { revoked } = await options.api.revokeDevice(device);
      print(options, { device, revoked }, () =>
        revoked === 0 ? `${device} had no certificate.` : `${device} is out. Invite it again to let it in.`,
      );
    });
}

export function addPkiCommand(program: Command): void {
  program
    .command('pki')
    .description('certificates for a broker that is not the server’s own')
    .command('export')
    .description(
      'write what Mosquitto needs: configuration, access rules, certificates, list of revoked devices',
    )
    .argument('<folder>', 'it holds a private key: give it to the broker alone')
    .requiredOption('--name <name...>', 'host names and addresses by which devices reach the broker')
    .option('--data <folder>', "the server's dataDir", 'data/server')
    .action(async (folder: string, { name, data }: { name: string[]; data: string }) => {
      const { CertificateAuthority } = await import('../../sync-server/access/certificate-authority.ts');
      const { openServerStore } = await import('../../sync-server/store/server-store.ts');
      const { DeviceIdentities } = await import('../../sync-server/access/device-identities.ts');
      const { rulesWithout } = await import('../../sync-server/broker/broker-files.ts');
      const clock = { wallMs: () => Date.now() };
      const authority = await CertificateAuthority.open(join(data, 'pki'), clock);
      const store = openServerStore(data, { besideServer: true });
      try {
        const identities = new DeviceIdentities({
          store,
          clock,
          authority: async () => authority,
          cut: () => undefined,
        });
        const { key, cert } = await authority.issueBroker(name);
        const pki = join(folder, 'pki');
        mkdirSync(pki, { recursive: true, mode: 0o700 });
        writeFileSync(join(pki, 'ca.pem'), authority.pem);
        writeFileSync(join(pki, 'broker.pem'), cert);
        writeFileSync(join(pki, 'broker-key.pem'), key, { mode: 0o600 });
        writeFileSync(join(pki, 'revoked.pem'), await identities.revocationList());
        const rules = readFileSync(join(projectRoot, 'deploy', 'mosquitto.acl'), 'utf8');
        writeFileSync(join(folder, 'mosquitto.acl'), rulesWithout(rules, identities.revokedDevices()));
      } finally {
        store.close();
      }
      copyFileSync(join(projectRoot, 'deploy', 'mosquitto-tls.conf'), join(folder, 'mosquitto-tls.conf'));
      console.log(`Wrote ${folder}. There: mosquitto -c mosquitto-tls.conf`);
    });
}
