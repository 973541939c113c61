/** Alarms to a broker of the line that lets in only who shows a certificate: a real Mosquitto with TLS. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { CertificateAuthority } from '../../../sync-server/access/certificate-authority.ts';
import { describeWithMosquitto, freePort, startMosquittoWith } from '../../support/brokers.ts';
import { connected } from '../../support/mqtt-connected.ts';
import { waitFor } from '../../support/wait-for.ts';
import { temporaryFolder } from '../../sync-server/support.ts';
import { openTempStore } from '../store/temp-store.ts';
import { change, outputsTo, raisedNow } from './alarms.ts';

vi.setConfig({ testTimeout: 120_000 });
const WAIT_MS = 30_000;

describeWithMosquitto('alarms to a broker that asks for a certificate', () => {
  let folder: string;
  let port: number;
  const file = (name: string) => join(folder, name);
  const show = (name: string) => {
    copyFileSync(file(`${name}.pem`), file('shown.pem'));
    copyFileSync(file(`${name}-key.pem`), file('shown-key.pem'));
  };

  beforeEach(async () => {
    raisedNow.length = 0;
    folder = temporaryFolder();
    port = await freePort();
    const clock = { wallMs: () => Date.now() };
    const line = await CertificateAuthority.open(file('line'), clock);
    const stranger = await CertificateAuthority.open(file('stranger'), clock);
    writeFileSync(file('ca.pem'), line.pem);
    writePair('broker', await line.issueBroker(['127.0.0.1']));
    writePair('mill', await line.issueServerLink());
    writePair('stranger', await stranger.issueServerLink());
    writeFileSync(
      file('mosquitto.conf'),
      [
        `user ${userInfo().username}`,
        `listener ${port} 127.0.0.1`,
        `cafile ${file('ca.pem')}`,
        `certfile ${file('broker.pem')}`,
        `keyfile ${file('broker-key.pem')}`,
        'require_certificate true',
        'use_identity_as_username true',
        'persistence false',
        'log_type error',
        '',
      ].join('\n'),
    );
    const broker = await startMosquittoWith(file('mosquitto.conf'), port);
    onTestFinished(() => broker.stop());
  });

  function writePair(name: string, pair: { key: string; cert: string }): void {
    writeFileSync(file(`${name}.pem`), pair.cert);
    writeFileSync(file(`${name}-key.pem`), pair.key);
  }

  function start() {
    const made = outputsTo(
      {
        kind: 'mqtt',
        broker: `mqtts://127.0.0.1:${port}`,
        topic: 'cell-4/andon',
        caFile: file('ca.pem'),
        certFile: file('shown.pem'),
        keyFile: file('shown-key.pem'),
      },
      openTempStore().store,
    );
    onTestFinished(() => made.outputs.stop());
    made.outputs.start();
    raisedNow.push(change(1));
    made.outputs.take(change(1));
    return made.counters;
  }

  it('get in with the certificate and its key', async () => {
    show('mill');
    const counters = start();
    await waitFor('delivered', () => counters.get('alarms.delivered') === 1, WAIT_MS);
    const tower = await connected(`mqtts://127.0.0.1:${port}`, {
      ca: readFileSync(file('ca.pem')),
      cert: readFileSync(file('mill.pem')),
      key: readFileSync(file('mill-key.pem')),
    });
    const states: string[] = [];
    tower.on('message', (_topic, payload) => states.push(payload.toString()));
    await tower.subscribeAsync('cell-4/andon/state');
    await waitFor('the tower hears it', () => states.some((state) => state.includes('"alarm"')), WAIT_MS);
  });

  it('stay out with the certificate of a stranger, and get in when the file holds the right one', async () => {
    show('stranger');
    const counters = start();
    await waitFor('refused', () => counters.get('ALARM_UNDELIVERED') >= 2, WAIT_MS);
    expect(counters.get('alarms.delivered')).toBe(0);
    show('mill');
    await waitFor('delivered', () => counters.get('alarms.delivered') === 1, WAIT_MS);
  });

  it('count files that are missing, no PEM, or of another certificate, and wait for better ones', async () => {
    const counters = start();
    await waitFor('unreadable', () => counters.get('CONFIG_UNREADABLE') >= 1, WAIT_MS);
    show('mill');
    copyFileSync(file('stranger-key.pem'), file('shown-key.pem'));
    await waitFor('a key of another', () => counters.get('CONFIG_INVALID') >= 1, WAIT_MS);
    show('mill');
    writeFileSync(file('ca.pem'), 'no certificate');
    const before = counters.get('CONFIG_INVALID');
    await waitFor('an authority that is none', () => counters.get('CONFIG_INVALID') > before, WAIT_MS);
    expect(counters.get('alarms.delivered')).toBe(0);
    copyFileSync(join(file('line'), 'ca.pem'), file('ca.pem'));
    await waitFor('delivered', () => counters.get('alarms.delivered') === 1, WAIT_MS);
  });
});
