import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../agent/clock.ts';
import { bodyOf, statusOf, toCodedError } from '../../../agent/http/http-errors.ts';
import { hashPin, OperatorPin, PIN_HEADER } from '../../../agent/http/operator-pin.ts';
import { StoreDownload } from '../../../agent/http/store-download.ts';
import { tempFolder } from '../store/temp-store.ts';

function serverOf(over: { pin?: string; backUp?: (file: string) => Promise<void> } = {}) {
  const folder = tempFolder();
  const pinFile = over.pin === undefined ? null : join(folder, 'pin');
  if (pinFile !== null) writeFileSync(pinFile, hashPin(over.pin ?? ''));
  const app = Fastify();
  app.setErrorHandler((thrown, _request, reply) => {
    const error = toCodedError(thrown);
    return reply.code(statusOf(error)).send(bodyOf(error));
  });
  const backUp = over.backUp ?? (async (file: string) => writeFileSync(file, 'a copy'));
  new StoreDownload({ backUp, folder, pin: new OperatorPin(pinFile, systemClock) }).addTo(app);
  const ask = (remoteAddress: string, headers: Record<string, string> = {}) =>
    // Begins at once, not only when it is waited for.
    app.inject({ method: 'POST', url: '/api/store/backup', remoteAddress, headers }).then((answer) => answer);
  return { ask, left: () => readdirSync(folder).filter((name) => name.includes('download')) };
}

describe('the store as a file', () => {
  it('is given on the device itself, and leaves no copy behind', async () => {
    const { ask, left } = serverOf();
    const answer = await ask('127.0.0.1');
    expect([answer.statusCode, answer.body, answer.headers['content-length']]).toEqual([200, 'a copy', '6']);
    expect(left()).toEqual([]);
  });

  it('is given to nobody elsewhere without a PIN', async () => {
    expect((await serverOf().ask('10.0.0.7')).json()).toMatchObject({ code: 'PIN_NOT_SET' });
    const { ask } = serverOf({ pin: '4711' });
    for (const address of ['10.0.0.7', '127.0.0.1']) {
      expect((await ask(address)).json()).toMatchObject({ code: 'PIN_WRONG' });
      expect((await ask(address, { [PIN_HEADER]: '4711' })).statusCode).toBe(200);
    }
  });

  it('is made once at a time, and again after one that failed', async () => {
    let release: (() => void) | undefined;
    const waits = new Promise<void>((resolve) => {
      release = resolve;
    });
    let fails = true;
    const { ask } = serverOf({
      backUp: async (file) => {
        await waits;
        if (fails) throw new Error('no room');
        writeFileSync(file, 'a copy');
      },
    });
    const first = ask('127.0.0.1');
    // The second comes while the first waits.
    expect((await ask('127.0.0.1')).json()).toMatchObject({ code: 'STORE_BUSY' });
    release?.();
    expect((await first).statusCode).toBe(500);
    fails = false;
    expect((await ask('127.0.0.1')).statusCode).toBe(200);
  });

  it('clears away what a kill left behind', () => {
    const folder = tempFolder();
    const file = join(folder, 'store.db.download');
    writeFileSync(file, 'half');
    new StoreDownload({ backUp: async () => undefined, folder, pin: new OperatorPin(null, systemClock) });
    expect(existsSync(file)).toBe(false);
  });
});
