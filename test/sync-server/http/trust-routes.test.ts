/** `/api/trust` takes what proves itself and refuses the rest with a status, a code and a hint. */
import { encode } from '@msgpack/msgpack';
import Fastify, { type FastifyInstance } from 'fastify';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { Counters } from '../../../daemon/counters.ts';
import { LIMITS } from '../../../protocol/limits.ts';
import { errorReply } from '../../../sync-server/http/error-reply.ts';
import { addTrustRoutes } from '../../../sync-server/http/trust-routes.ts';
import { TrustRepository } from '../../../sync-server/registry/trust-repository.ts';
import { ChunkFiles } from '../../../sync-server/store/chunk-files.ts';
import type { TrustView } from '../../../sync-server/views/fleet.ts';
import { makePackage } from '../../support/packages.ts';
import { DAY_MS, TestTeam } from '../../support/trust.ts';
import { silentLog, TestClock, temporaryFolder } from '../support.ts';

let app: FastifyInstance;
let team: TestTeam;

beforeEach(() => {
  const clock = new TestClock();
  team = new TestTeam({ nowMs: clock.nowMs });
  const trust = new TrustRepository({
    folder: temporaryFolder(),
    pinnedRoot: null,
    key: team.key('server'),
    validMs: 14 * DAY_MS,
    chunkFiles: new ChunkFiles(temporaryFolder()),
    clock,
    onChange: () => undefined,
  });
  trust.open();
  app = Fastify();
  app.setErrorHandler(errorReply(silentLog, new Counters()));
  app.addContentTypeParser('application/msgpack', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  );
  const trustView = (): TrustView => ({
    serverPublicKey: team.key('server').publicHex,
    online: trust.isOnline,
    metadata: trust.state ?? null,
  });
  addTrustRoutes(app, { trust, trustView, audit: () => undefined });
  onTestFinished(() => app.close());
});

function put(payload: Buffer, type = 'application/msgpack') {
  return app.inject({ method: 'PUT', url: '/api/trust', headers: { 'content-type': type }, payload });
}

const packed = (files: ReadonlyMap<string, Buffer>) => Buffer.from(encode(Object.fromEntries(files)));

describe('the API of trust', () => {
  it('tells the key that a root has to name before there is any root', async () => {
    const view = (await app.inject({ url: '/api/trust' })).json<TrustView>();
    expect(view).toEqual({ serverPublicKey: team.key('server').publicHex, online: false, metadata: null });
  });

  it('takes roots and list, and hands out all that a device needs', async () => {
    const answer = await put(packed(team.signedFiles()));
    expect(answer.statusCode).toBe(200);
    expect(answer.json<TrustView>()).toMatchObject({
      online: true,
      metadata: { root: 1, targets: team.listVersion },
    });
    const files = (await app.inject({ url: '/api/trust/files' })).json<Record<string, string>>();
    expect(Object.keys(files).sort()).toEqual([
      '1.root.json',
      'snapshot.json',
      'targets.json',
      'timestamp.json',
    ]);
    expect(files['targets.json']).toBe(String(team.listFile()));
    expect(JSON.stringify(files)).not.toContain('PRIVATE');
  });

  it.each<[string, () => Buffer, number, string]>([
    ['an older list', () => packed(new Map([['targets.json', oldList]])), 409, 'TRUST_ROLLBACK'],
    ['the root of others', () => packed(new TestTeam().signedFiles()), 422, 'TRUST_WRONG_ROLE'],
    [
      'a list that is none',
      () => packed(new Map([['targets.json', Buffer.from('{}')]])),
      422,
      'TRUST_MALFORMED',
    ],
    [
      'a list too large',
      () => packed(new Map([['targets.json', Buffer.alloc(LIMITS.metadataBytes + 1)]])),
      413,
      'TRUST_TOO_LARGE',
    ],
    [
      'a name that climbs out',
      () => packed(new Map([['../1.root.json', Buffer.from('{}')]])),
      400,
      'REQUEST_INVALID',
    ],
    ['no map', () => Buffer.from([1, 2, 3]), 400, 'REQUEST_INVALID'],
    [
      'more than all metadata may be',
      () => Buffer.alloc(LIMITS.metadataBundleBytes + 1),
      413,
      'PACKAGE_TOO_LARGE',
    ],
  ])('refuses %s', async (_, body, status, code) => {
    team.sign(makePackage());
    await put(packed(team.signedFiles()));
    const answer = await put(body());
    expect(answer.statusCode).toBe(status);
    expect(answer.json()).toMatchObject({ code, message: expect.any(String) });
    expect((await app.inject({ url: '/api/trust' })).json<TrustView>().metadata).toMatchObject({
      targets: team.listVersion,
    });
  });

  it('takes no other content type', async () => {
    const answer = await put(Buffer.from('{}'), 'application/json');
    expect(answer.json()).toMatchObject({ code: 'REQUEST_INVALID' });
  });

  let oldList: Buffer;
  beforeEach(() => {
    oldList = team.listFile();
  });
});
