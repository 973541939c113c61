import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { encode } from '@msgpack/msgpack';
import type { FastifyInstance } from 'fastify';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Counters } from '../../../daemon/counters.ts';
import { enrolmentKey, enrolmentMac, parseEnrolmentCode } from '../../../protocol/enrolment.ts';
import { LIMITS } from '../../../protocol/limits.ts';
import { CertificateAuthority } from '../../../sync-server/access/certificate-authority.ts';
import { DeviceIdentities } from '../../../sync-server/access/device-identities.ts';
import { Tokens } from '../../../sync-server/access/tokens.ts';
import { Datasets } from '../../../sync-server/dataset/datasets.ts';
import { serverError } from '../../../sync-server/errors.ts';
import { createAdminApi } from '../../../sync-server/http/admin-api.ts';
import { listen } from '../../../sync-server/listen.ts';
import { SlotMetrics } from '../../../sync-server/metrics/slot-metrics.ts';
import { ChunkPacks } from '../../../sync-server/registry/chunk-packs.ts';
import { ModelCatalog } from '../../../sync-server/registry/model-catalog.ts';
import { Pace } from '../../../sync-server/registry/pace.ts';
import { publishPackage } from '../../../sync-server/registry/publish-package.ts';
import { ChunkFiles } from '../../../sync-server/store/chunk-files.ts';
import type { DeadLetterView } from '../../../sync-server/views/dead-letter.ts';
import type { FleetView } from '../../../sync-server/views/fleet.ts';
import type { RolloutView, StartRolloutRequest } from '../../../sync-server/views/rollout.ts';
import { hashOf, makePackage } from '../../support/packages.ts';
import { TestTeam } from '../../support/trust.ts';
import {
  EPOCH,
  event,
  ingestOver,
  predictionBatch,
  SOON,
  silentLog,
  temporaryFolder,
  temporaryStore,
} from '../support.ts';

const NO_TRUST = { serverPublicKey: 'p', online: false, metadata: null };
const HOST = { host: '127.0.0.1:8090' };

async function setUp() {
  const team = new TestTeam();
  const store = temporaryStore();
  const consoleFolder = temporaryFolder();
  const test = ingestOver(store);
  const chunkFiles = new ChunkFiles(join(temporaryFolder(), 'chunks'));
  const started: StartRolloutRequest[] = [];
  const audited: string[] = [];
  const unknown = () => {
    throw serverError('ROLLOUT_UNKNOWN', 'no such rollout');
  };
  const { clock, counters } = test;
  const catalog = new ModelCatalog({ store, clock });
  const tokens = new Tokens({ store, clock });
  const app = await createAdminApi({
    store,
    tokens,
    identities: new DeviceIdentities({
      store,
      clock,
      authority: () => CertificateAuthority.open(temporaryFolder(), clock),
      cut: () => undefined,
    }),
    counters,
    clock,
    log: silentLog,
    host: '127.0.0.1',
    consoleFolder,
    server: { version: '1.2.3', broker: 'mqtt://127.0.0.1:1883', keyId: 'k' },
    rollouts: {
      views: () => [],
      startRollout: (asked) => {
        started.push(asked);
        return { id: 'r1', slot: asked.slot, to: asked.model } as RolloutView;
      },
      pause: unknown,
      resume: unknown,
      approve: (id, by) => ({ id, reason: `approved by ${by}` }) as RolloutView,
      abort: unknown,
    },
    metrics: new SlotMetrics({ store, clock }),
    mlflowView: () => null,
    retraining: { views: () => [] },
    catalog,
    datasets: new Datasets({ store, catalog }),
    publish: (files, notes, who) =>
      publishPackage({ store, chunkFiles, trust: team, clock }, files, notes, who),
    chunkPacks: new ChunkPacks({ chunkFiles, isIndex: () => false }),
    pace: new Pace(null, clock),
    trustView: () => NO_TRUST,
    trust: { files: new Map(), accept: () => undefined },
    audit: (who, action, subject) => audited.push(`${who} ${action} ${subject}`),
    brokerConnected: () => true,
  });
  onTestFinished(() => app.close());
  return { app, team, store, tokens, started, audited, consoleFolder, ...test };
}

function publish(app: FastifyInstance, body: Buffer, query = '') {
  const headers = { ...HOST, 'content-type': 'application/msgpack' };
  return app.inject({ method: 'POST', url: `/api/models${query}`, headers, payload: body });
}

/** Every route that is registered, as Fastify draws them: a tree, four characters a level. */
function routesOf(app: FastifyInstance): { method: 'GET' | 'POST' | 'PUT' | 'DELETE'; path: string }[] {
  const trail: string[] = [];
  return app
    .printRoutes({ commonPrefix: false })
    .split('\n')
    .flatMap((line) => {
      const [, indent = '', part = '', methods = ''] = /^([│ ]*)[├└]── (\S*)(?: \((.*)\))?$/.exec(line) ?? [];
      const depth = indent.length / 4;
      trail.splice(depth, trail.length, part);
      const path = trail.join('').replaceAll('//', '/');
      const found = methods.split(', ').filter((method) => method !== 'HEAD' && method !== '');
      return found.map((method) => ({ method: method as 'GET', path }));
    });
}

const packed = (files: ReadonlyMap<string, Buffer>) => Buffer.from(encode(Object.fromEntries(files)));

describe('the admin API', () => {
  it('tells the metrics of a slot, and refuses one that it does not know and days that are none', async () => {
    const { app, send } = await setUp();
    send('mill-1', 'predictions', predictionBatch(1, 10));
    const get = async (url: string) => {
      const reply = await app.inject({ url, headers: HOST });
      return [reply.statusCode, reply.json()];
    };
    expect(await get('/api/metrics/machine-failure?days=7')).toEqual([
      200,
      expect.objectContaining({ slot: 'machine-failure', versions: [] }),
    ]);
    expect(await get('/api/metrics/elsewhere')).toEqual([
      404,
      expect.objectContaining({ code: 'SLOT_UNKNOWN' }),
    ]);
    for (const query of ['days=0', 'days=x', 'dasy=7']) {
      expect(await get(`/api/metrics/machine-failure?${query}`)).toEqual([
        400,
        expect.objectContaining({ code: 'REQUEST_INVALID' }),
      ]);
    }
  });

  it('shows the whole fleet in one view', async () => {
    const { app, send, receive, ingest, clock } = await setUp();
    receive(
      'andon/v1/mill-1/birth',
      JSON.stringify({
        v: 1,
        device: 'mill-1',
        timeMs: 1,
        agentVersion: '0.1.0',
        storeEpoch: EPOCH,
        labels: { line: 'north' },
        statusUrl: 'http://127.0.0.1:8080',
        slots: [],
      }),
    );
    send('mill-1', 'predictions', predictionBatch(1, 10), predictionBatch(16, 20, 5));
    receive('andon/v1/mill-2/up/predictions', 'garbage');
    ingest.flush();
    const view = (await app.inject({ url: '/api/fleet', headers: HOST })).json<FleetView>();
    expect(view).toEqual({
      nowMs: clock.nowMs,
      server: { version: '1.2.3', broker: 'mqtt://127.0.0.1:1883', keyId: 'k' },
      devices: [
        {
          id: 'mill-1',
          labels: { line: 'north' },
          online: true,
          lastSeenMs: clock.nowMs,
          agentVersion: '0.1.0',
          statusUrl: 'http://127.0.0.1:8080',
          storeEpoch: EPOCH,
          received: { predictions: 20, feedback: 0, metrics: 0, events: 0 },
          dropped: 5,
          reported: null,
          generation: 0,
        },
      ],
      trust: NO_TRUST,
      models: [],
      mlflow: null,
      retraining: [],
      rollouts: [],
      events: [],
      drift: [],
      refused: { PAYLOAD_TRUNCATED: 1 },
      deadLetters: { kept: 1, newest: [expect.objectContaining({ device: 'mill-2' })] },
    });
  });

  it('shows the newest 50 events of all devices, newest first', async () => {
    const { app, store } = await setUp();
    const events = (from: number) => Array.from({ length: 40 }, (_, i) => event(from + i));
    store.records.addEvents(store.cursors.epochId('mill-1', EPOCH), events(1));
    store.records.addEvents(store.cursors.epochId('mill-2', EPOCH), events(21));
    const { events: shown } = (await app.inject({ url: '/api/fleet', headers: HOST })).json<FleetView>();
    expect(shown).toHaveLength(50);
    expect(shown[0]).toMatchObject({ device: 'mill-2', timeMs: 1_700_000_000_060, kind: 'drift' });
  });

  it('publishes a package and lists it', async () => {
    const { app, team } = await setUp();
    const files = makePackage({ name: 'tiny', version: 2 });
    team.sign(files);
    const answer = await publish(app, packed(files), '?notes=tried%20on%20line%202');
    expect(answer.statusCode).toBe(201);
    const model = {
      name: 'tiny',
      version: 2,
      title: 'tiny 2',
      manifestSha256: hashOf(files),
      notes: 'tried on line 2',
      metric: { name: 'accuracy', offline: 0.9, baseline: { name: 'a guess', value: 0.5 } },
    };
    expect(answer.json()).toMatchObject(model);
    expect((await publish(app, packed(files))).statusCode).toBe(200);
    const listed = await app.inject({ url: '/api/models', headers: HOST });
    expect(listed.json()).toMatchObject({ models: [model] });
  });

  const climbing = new Map([...makePackage(), ['../evil', Buffer.from('x')]]);
  const many = new Map(
    Array.from({ length: LIMITS.packageFiles + 1 }, (_, i) => [`f${i}`, Buffer.from('x')]),
  );
  it.each<[string, Buffer, number, string]>([
    ['that is not msgpack', Buffer.from([0xc1]), 400, 'REQUEST_INVALID'],
    ['that is no map', Buffer.from(encode('hello')), 400, 'REQUEST_INVALID'],
    ['whose files are no bytes', Buffer.from(encode({ 'manifest.json': 'text' })), 400, 'REQUEST_INVALID'],
    ['with a path that climbs out', packed(climbing), 400, 'REQUEST_INVALID'],
    ['of too many files', packed(many), 400, 'REQUEST_INVALID'],
    ['without a manifest', packed(new Map([['a', Buffer.from('x')]])), 422, 'PACKAGE_FILE_MISSING'],
    ['cut short', packed(makePackage()).subarray(0, 300), 400, 'REQUEST_INVALID'],
  ])('refuses a package %s', async (_name, body, status, code) => {
    const { app, store } = await setUp();
    const answer = await publish(app, body);
    expect([answer.statusCode, answer.json()]).toEqual([
      status,
      {
        code,
        message: expect.any(String),
        hint: expect.toSatisfy((hint) => hint === null || hint.length > 0),
      },
    ]);
    expect(store.models.all()).toEqual([]);
  });

  it('does not list bytes one by one that stand where the map should', async () => {
    const { app } = await setUp();
    const answer = await publish(app, Buffer.from(encode(Buffer.alloc(100))));
    expect(answer.json().message).toBe('the body is not a map of files');
  });

  it('refuses a body that is larger than a package may be, before reading it', async () => {
    const { app } = await setUp();
    const headers = {
      ...HOST,
      'content-type': 'application/msgpack',
      'content-length': String(LIMITS.packageBytes * 2),
    };
    const answer = await app.inject({
      method: 'POST',
      url: '/api/models',
      headers,
      payload: Buffer.alloc(16),
    });
    expect([answer.statusCode, answer.json().code]).toEqual([413, 'PACKAGE_TOO_LARGE']);
  });

  it('starts a rollout and writes down that it did', async () => {
    const { app, started } = await setUp();
    const asked = {
      slot: 'machine-failure',
      model: 'milling-failure@2',
      labels: { line: 'north' },
      stages: [{ devices: 0.5, traffic: 1, approval: true }],
      margin: 0.05,
      windows: [{ days: ['sat' as const], from: '22:00', to: '05:00' }],
      timeZone: 'Europe/Berlin',
    };
    const answer = await app.inject({ method: 'POST', url: '/api/rollouts', headers: HOST, payload: asked });
    expect(answer.statusCode).toBe(201);
    expect(started).toEqual([asked]);
  });

  it.each([
    ['no version', { slot: 's', model: 'milling-failure' }],
    ['a share over 1', { slot: 's', model: 'm@1', stages: [{ devices: 2, traffic: 1 }] }],
    ['a margin that lets anything through', { slot: 's', model: 'm@1', margin: 1 }],
    ['a window on no day', { slot: 's', model: 'm@1', windows: [{ days: [], from: '22:00', to: '05:00' }] }],
    ['a time zone of nowhere', { slot: 's', model: 'm@1', timeZone: 'Mars/Base' }],
    ['an unknown field', { slot: 's', model: 'm@1', force: true }],
    ['no slot', { model: 'm@1' }],
    ['a slot that every object has', { slot: 'constructor', model: 'm@1' }],
  ])('refuses a rollout with %s', async (_name, payload) => {
    const { app, started } = await setUp();
    const answer = await app.inject({ method: 'POST', url: '/api/rollouts', headers: HOST, payload });
    expect([answer.statusCode, answer.json().code]).toEqual([400, 'REQUEST_INVALID']);
    expect(started).toEqual([]);
  });

  it('answers in coded errors for what is not there', async () => {
    const { app } = await setUp();
    const abort = await app.inject({
      method: 'POST',
      url: '/api/rollouts/nope/abort',
      headers: HOST,
      payload: {},
    });
    expect([abort.statusCode, abort.json().code]).toEqual([404, 'ROLLOUT_UNKNOWN']);
    const page = await app.inject({ url: '/api/nothing', headers: HOST });
    expect([page.statusCode, page.json().code]).toEqual([404, 'REQUEST_INVALID']);
    const text = await app.inject({
      method: 'POST',
      url: '/api/rollouts',
      headers: { ...HOST, 'content-type': 'application/json' },
      payload: '{',
    });
    expect([text.statusCode, text.json().code]).toEqual([400, 'REQUEST_INVALID']);
  });

  it('keeps who approved a stage', async () => {
    const { app, audited } = await setUp();
    const approve = (payload: object) =>
      app.inject({ method: 'POST', url: '/api/rollouts/r1/approve', headers: HOST, payload });
    expect((await approve({ by: 'anna' })).json()).toMatchObject({ id: 'r1', reason: 'approved by anna' });
    expect((await approve({ by: '' })).json().code).toBe('REQUEST_INVALID');
    expect(audited).toEqual(['anna rollout-approve r1']);
  });

  it('acts without a body too', async () => {
    const { app } = await setUp();
    const bare = await app.inject({ method: 'POST', url: '/api/rollouts/nope/pause', headers: HOST });
    expect(bare.statusCode).toBe(404);
  });

  it('says whether its broker is there, and counts beside refused messages what else went wrong', async () => {
    const { app, counters } = await setUp();
    counters.add('BATCH_GAP');
    counters.add('link.offline', 2);
    const health = (await app.inject({ url: '/api/health', headers: HOST })).json();
    expect(health).toEqual({ ok: true, broker: true, counters: { BATCH_GAP: 1, 'link.offline': 2 } });
    const { refused } = (await app.inject({ url: '/api/fleet', headers: HOST })).json<FleetView>();
    expect(refused).toEqual({ BATCH_GAP: 1 });
  });

  it('shows what was refused and why', async () => {
    const { app, receive, ingest } = await setUp();
    receive('andon/v1/mill-1/birth', 'hello');
    ingest.flush();
    const answer = await app.inject({ url: '/api/dead-letters', headers: HOST });
    const [letter] = answer.json<{ deadLetters: DeadLetterView[] }>().deadLetters;
    expect(letter).toMatchObject({ device: 'mill-1', code: 'PAYLOAD_MALFORMED', sizeBytes: 5, times: 1 });
    const url = `/api/dead-letters/${letter?.id}`;
    expect((await app.inject({ url, headers: HOST })).json()).toMatchObject({
      topic: 'andon/v1/mill-1/birth',
      headBase64: 'aGVsbG8=',
    });
    const { deadLetters } = (await app.inject({ url: '/api/fleet', headers: HOST })).json<FleetView>();
    expect(deadLetters).toEqual({ kept: 1, newest: [letter] });
  });

  it('forgets what a person has dealt with, and writes down who said so', async () => {
    const { app, receive, ingest, store } = await setUp();
    const drop = async (path = '') =>
      app.inject({ method: 'DELETE', url: `/api/dead-letters${path}`, headers: HOST });
    for (const text of ['one', 'two', 'three']) receive('andon/v1/mill-1/birth', text);
    ingest.flush();
    const id = store.deadLetters.newest(1)[0]?.id;
    expect((await drop(`/${id}`)).json()).toEqual({ dropped: 1 });
    expect((await drop(`/${id}`)).json()).toMatchObject({ code: 'DEAD_LETTER_UNKNOWN' });
    expect((await drop('/-1')).statusCode).toBe(400);
    expect((await drop()).json()).toEqual({ dropped: 2 });
    expect((await drop()).json()).toEqual({ dropped: 0 });
    expect(store.audit.newest(9).map(({ action, subject }) => [action, subject])).toEqual([
      ['dead-letter-dropped', 'all'],
      ['dead-letter-dropped', String(id)],
    ]);
  });

  it('describes itself', async () => {
    const { app } = await setUp();
    const document = (await app.inject({ url: '/api/openapi.json', headers: HOST })).json();
    expect(document.openapi).toBe('3.1.0');
    const described = Object.entries(document.paths as Record<string, object>).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => ({ path, method: method.toUpperCase() as 'GET' })),
    );
    for (const { path, method } of described) {
      if (path === '/api/live') continue;
      const answer = await app.inject({ method, url: path.replace(/\{[a-zA-Z0-9]+\}/g, 'x'), headers: HOST });
      expect(answer.body, `${method} ${path}`).not.toMatch(/There is no/);
    }
  });
});

describe('guards', () => {
  it('serve no name but loopback’s, against pages that point a name of theirs here', async () => {
    const { app } = await setUp();
    const answer = await app.inject({ url: '/api/fleet', headers: { host: 'evil.example:8090' } });
    expect([answer.statusCode, answer.json().code]).toEqual([400, 'REQUEST_INVALID']);
    for (const host of ['localhost:8090', '127.0.0.1', '[::1]:8090']) {
      expect((await app.inject({ url: '/api/fleet', headers: { host } })).statusCode).toBe(200);
    }
  });

  it('let no page of another site act here', async () => {
    const { app, started } = await setUp();
    const payload = { slot: 's', model: 'm@1' };
    const post = (origin: string) =>
      app.inject({ method: 'POST', url: '/api/rollouts', headers: { ...HOST, origin }, payload });
    expect((await post('https://evil.example')).statusCode).toBe(400);
    expect((await post('null')).statusCode).toBe(400);
    expect(started).toEqual([]);
    expect((await post('http://127.0.0.1:8090')).statusCode).toBe(201);
  });

  it('let no page of another site act here without asking the browser first', async () => {
    const { app } = await setUp();
    const headers = { ...HOST, 'content-type': 'text/plain' };
    const answer = await app.inject({ method: 'POST', url: '/api/rollouts', headers, payload: '{}' });
    expect(answer.json().code).toBe('REQUEST_INVALID');
  });
});

describe('who has no token', () => {
  it('gets no further than what proves itself, on any route that there is', async () => {
    const { app, tokens } = await setUp();
    tokens.add('anna', 'viewer', null, 'test');
    const open: string[] = [];
    for (const { method, path } of routesOf(app)) {
      const url = path.replaceAll(/:\w+/g, 'x');
      const answer = await app.inject({ method, url, headers: HOST });
      if (answer.statusCode !== 401) open.push(`${method} ${path}`);
    }
    expect(open.sort()).toEqual([
      'DELETE /api/session',
      'GET /',
      'GET /api/health',
      'GET /api/revocation-list',
      'GET /app.css',
      'GET /app.js',
      'GET /chunks/:sha256',
      'GET /chunks/:sha256/index',
      'POST /api/enrol',
      'POST /api/enrol/renewal',
      'POST /api/session',
    ]);
  });

  it('may try ten codes a minute, each counted, and is let in by a right one at any time', async () => {
    const { app, counters } = await setUp();
    const asked = { device: 'mill-1', publicKey: Buffer.alloc(91).toString('base64') };
    const payload = { ...asked, mac: Buffer.alloc(32).toString('base64') };
    const codes: unknown[] = [];
    for (let i = 0; i < 12; i++) {
      const answer = await app.inject({ method: 'POST', url: '/api/enrol', headers: HOST, payload });
      codes.push(answer.json<{ code: string }>().code);
    }
    expect(codes).toEqual([...Array(10).fill('ENROLMENT_REFUSED'), ...Array(2).fill('TOO_MANY_FAILURES')]);
    expect(counters.get('access.enrolment-refused')).toBe(12);
    const invited = await app.inject({
      method: 'POST',
      url: '/api/devices/mill-1/invitation',
      headers: HOST,
      payload: {},
    });
    const { secret } = parseEnrolmentCode(invited.json<{ code: string }>().code);
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const key = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
    const mac = enrolmentMac(enrolmentKey(secret), 'mill-1', key);
    const right = { device: 'mill-1', publicKey: key, mac };
    const answer = await app.inject({ method: 'POST', url: '/api/enrol', headers: HOST, payload: right });
    expect(answer.statusCode).toBe(200);
  });
});

describe('the console page', () => {
  it('says how to build it while it is not built', async () => {
    const { app } = await setUp();
    const answer = await app.inject({ url: '/', headers: HOST });
    expect(answer.statusCode).toBe(503);
    expect(answer.body).toContain('npm run build');
  });

  it('is served with a strict policy, and not twice to a browser that has it', async () => {
    const { app, consoleFolder } = await setUp();
    mkdirSync(consoleFolder, { recursive: true });
    writeFileSync(join(consoleFolder, 'index.html'), '<!doctype html>');
    const first = await app.inject({ url: '/', headers: HOST });
    expect(first.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(first.headers['content-security-policy']).toContain("default-src 'none'");
    const again = await app.inject({
      url: '/',
      headers: { ...HOST, 'if-none-match': String(first.headers.etag) },
    });
    expect([again.statusCode, again.body]).toEqual([304, '']);
  });
});

describe('the live view', () => {
  it('comes at once, and again when something changed', async () => {
    const { app, send, counters } = await setUp();
    const address = await listen(app.server, { host: '127.0.0.1', port: 0, what: 'x', key: 'x' });
    const views: FleetView[] = [];
    const stream = request(`http://${address}/api/live`, (response) => {
      let rest = '';
      expect(response.headers['content-type']).toBe('text/event-stream');
      expect(response.headers['content-security-policy']).toBeDefined();
      response.on('data', (bytes: Buffer) => {
        const parts = (rest + bytes.toString()).split('\n\n');
        rest = parts.pop() ?? '';
        for (const part of parts)
          if (part.startsWith('data: ')) views.push(JSON.parse(part.slice(6)) as FleetView);
      });
    });
    stream.on('error', () => undefined);
    stream.end();
    onTestFinished(() => void stream.destroy());
    await vi.waitFor(() => expect(views).toHaveLength(1), SOON);
    send('mill-1', 'predictions', predictionBatch(1, 10));
    const shown = () => views.at(-1)?.devices.map((device) => device.id);
    await vi.waitFor(() => expect(shown()).toEqual(['mill-1']), SOON);
    counters.add('X');
    await vi.waitFor(() => expect(views.at(-1)?.refused).toEqual({ X: 1 }), SOON);
    expect(views.length).toBeLessThanOrEqual(4);
  });
});

describe('counters', () => {
  it('come sorted by code', () => {
    const counters = new Counters();
    counters.add('B', 2);
    counters.add('A');
    expect(JSON.stringify(counters.snapshot())).toBe('{"A":1,"B":2}');
  });
});
