import { generateKeyPairSync, type KeyObject, sign, X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  enrolmentKey,
  enrolmentMac,
  formatEnrolmentCode,
  parseEnrolmentCode,
  renewalText,
} from '../../../protocol/enrolment.ts';
import { CertificateAuthority } from '../../../sync-server/access/certificate-authority.ts';
import { DeviceIdentities } from '../../../sync-server/access/device-identities.ts';
import { TestClock, temporaryFolder, temporaryStore } from '../support.ts';

const DAY_MS = 86_400_000;

async function setUp() {
  const store = temporaryStore();
  const clock = new TestClock();
  const authority = await CertificateAuthority.open(temporaryFolder(), clock);
  const cut: string[] = [];
  const identities = new DeviceIdentities({
    store,
    clock,
    authority: async () => authority,
    cut: (device) => cut.push(device),
  });
  return { store, clock, cut, identities };
}

const keyPair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const spki = (key: KeyObject) => key.export({ type: 'spki', format: 'der' }).toString('base64');

function request(device: string, code: string, publicKey = spki(keyPair().publicKey)) {
  const mac = enrolmentMac(enrolmentKey(parseEnrolmentCode(code).secret), device, publicKey);
  return { device, publicKey, mac };
}

const REFUSED = { code: 'ENROLMENT_REFUSED' };

describe('enrolment', () => {
  it('takes a code once, within its day, for its device and its key', async () => {
    const { identities, clock } = await setUp();
    const { code } = await identities.invite('a', 'anna');
    const asked = request('a', code);
    await expect(identities.enrol({ ...asked, device: 'b' })).rejects.toMatchObject(REFUSED);
    const otherKey = spki(keyPair().publicKey);
    await expect(identities.enrol({ ...asked, publicKey: otherKey })).rejects.toMatchObject(REFUSED);
    const { certificate } = await identities.enrol(asked);
    expect(new X509Certificate(certificate).subject).toBe('CN=a');
    await expect(identities.enrol(asked)).rejects.toMatchObject(REFUSED);

    const late = await identities.invite('a', 'anna');
    clock.nowMs += DAY_MS;
    await expect(identities.enrol(request('a', late.code))).rejects.toMatchObject(REFUSED);
  });

  it('gives one certificate for one code, however many ask at once', async () => {
    const { identities } = await setUp();
    const { code } = await identities.invite('a', 'anna');
    const asked = Array.from({ length: 5 }, () => identities.enrol(request('a', code)));
    const settled = await Promise.allSettled(asked);
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('replaces an earlier code, and ends an earlier identity', async () => {
    const { identities, cut } = await setUp();
    const first = await identities.invite('a', 'anna');
    const second = await identities.invite('a', 'anna');
    await expect(identities.enrol(request('a', first.code))).rejects.toMatchObject(REFUSED);
    const { certificate } = await identities.enrol(request('a', second.code));
    const { serialNumber } = new X509Certificate(certificate);
    expect(identities.admits('a', serialNumber)).toBe(true);
    expect(identities.admits('b', serialNumber)).toBe(false);
    await identities.enrol(request('a', (await identities.invite('a', 'anna')).code));
    expect(identities.admits('a', serialNumber)).toBe(false);
    expect(cut).toEqual(['a', 'a']);
  });

  it('refuses a key that is none on P-256, and keeps the code for another try', async () => {
    const { identities } = await setUp();
    const { code } = await identities.invite('a', 'anna');
    const rsa = spki(generateKeyPairSync('ed25519').publicKey);
    await expect(identities.enrol(request('a', code, rsa))).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
    });
    await identities.enrol(request('a', code));
  });
});

describe('renewal', () => {
  it('is for the holder of the key in use alone', async () => {
    const { identities, clock } = await setUp();
    const pair = keyPair();
    const { code } = await identities.invite('a', 'anna');
    const { certificate } = await identities.enrol(request('a', code, spki(pair.publicKey)));
    const { serialNumber } = new X509Certificate(certificate);
    const asked = { device: 'a', publicKey: spki(keyPair().publicKey), serialNumber };
    const signed = (key: KeyObject) => sign('sha256', renewalText(asked), key).toString('base64');
    await expect(
      identities.renew({ ...asked, signature: signed(keyPair().privateKey) }),
    ).rejects.toMatchObject(REFUSED);
    const right = { ...asked, signature: signed(pair.privateKey) };
    await expect(identities.renew({ ...right, device: 'b' })).rejects.toMatchObject(REFUSED);
    await expect(identities.renew({ ...right, publicKey: spki(keyPair().publicKey) })).rejects.toMatchObject(
      REFUSED,
    );
    const renewed = await identities.renew(right);
    expect(identities.admits('a', new X509Certificate(renewed.certificate).serialNumber)).toBe(true);
    expect(identities.admits('a', serialNumber)).toBe(true);
    clock.nowMs += 91 * DAY_MS;
    await expect(identities.renew(right)).rejects.toMatchObject(REFUSED);
  });
});

describe('an enrolment code', () => {
  it('comes through as it was made, and is refused when a part is missing', () => {
    const [secret, fingerprint] = [Buffer.alloc(16, 7), Buffer.alloc(32, 9)];
    const code = formatEnrolmentCode(secret, fingerprint);
    expect(parseEnrolmentCode(` ${code}\n`)).toEqual({ secret, fingerprint: fingerprint.subarray(0, 16) });
    for (const text of ['', code.slice(1), `${code}A`, code.replace(/./, '!')]) {
      expect(() => parseEnrolmentCode(text)).toThrow('no enrolment code');
    }
  });
});
