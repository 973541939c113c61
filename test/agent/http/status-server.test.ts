import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../agent/clock.ts';
import { agentError } from '../../../agent/errors.ts';
import { hashPin, OperatorPin } from '../../../agent/http/operator-pin.ts';
import { StatusServer, type StatusServerDeps } from '../../../agent/http/status-server.ts';
import type { FeedbackRequest, HoldRequest, StatusView } from '../../../agent/http/view.ts';
import type { Injection } from '../../../agent/sources/injection.ts';
import { Counters } from '../../../daemon/counters.ts';
import { sampleSlot, sampleView } from './sample-view.ts';

let folder: string;
let counters: Counters;
let view: StatusView;
let answers: FeedbackRequest[];
let injections: Injection[];
let holds: HoldRequest[];
let cuts: boolean[];
const servers: StatusServer[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'andon-page-'));
  for (const name of ['index.html', 'app.js', 'app.css']) writeFileSync(join(folder, name), `/* ${name} */`);
  counters = new Counters();
  view = sampleView();
  answers = [];
  injections = [];
  cuts = [];
  holds = [];
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
  rmSync(folder, { recursive: true });
});

/** A device with a real line and no demo around it. */
function plainDeps(): StatusServerDeps {
  return {
    host: '127.0.0.1',
    port: 0,
    view: () => view,
    changed: () => () => {},
    hold: (request) => holds.push(request),
    plan: () => [],
    download: { addTo: () => undefined },
    answer: async (request) => {
      if (request.predictionId.endsWith('-404')) throw agentError('PREDICTION_UNKNOWN', 'never made');
      answers.push(request);
    },
    lookedAt: async () => {},
    lineEvents: async () => {},
    install: async () => ({ slot: 'milling', title: 'milling-failure 2' }),
    pin: new OperatorPin(null, systemClock),
    metricsText: () => 'andon_engine_up 1\n',
    pageFolder: folder,
    log: pino({ level: 'silent' }),
    counters,
  };
}

function makeServer(change: Partial<StatusServerDeps> = {}): StatusServer {
  const server = new StatusServer({
    ...plainDeps(),
    inject: (injection) => injections.push(injection),
    cutLink: (cut) => cuts.push(cut),
    ...change,
  });
  servers.push(server);
  return server;
}

const answer = { predictionId: '0123abcd-7', label: 'failure' };
const post = (url: string, payload: unknown, headers: Record<string, string> = {}) =>
  makeServer().app.inject({
    method: 'POST',
    url,
    payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
    headers: { 'content-type': 'application/json', ...headers },
  });

describe('the page', () => {
  it('is served from memory, with an ETag that saves sending it again', async () => {
    const server = makeServer();
    await server.start();
    rmSync(join(folder, 'app.js'));
    const first = await server.app.inject('/app.js');
    expect(first.body).toBe('/* app.js */');
    expect(first.headers['content-type']).toContain('text/javascript');
    const again = await server.app.inject({
      url: '/app.js',
      headers: { 'if-none-match': String(first.headers.etag) },
    });
    expect([again.statusCode, again.body]).toEqual([304, '']);
    expect((await server.app.inject('/')).body).toBe('/* index.html */');
  });

  it('says what to do when it was not built, while the API works', async () => {
    const server = makeServer({ pageFolder: join(folder, 'nowhere') });
    await server.start();
    const page = await server.app.inject('/');
    expect(page.statusCode).toBe(503);
    expect(page.json()).toMatchObject({
      code: 'PAGE_NOT_BUILT',
      hint: expect.stringContaining('npm run build'),
    });
    expect((await server.app.inject('/api/status')).statusCode).toBe(200);
  });

  it.each(['/', '/app.js', '/api/status', '/nowhere', '/metrics'])(
    'sends the security headers with %s',
    async (url) => {
      const { headers } = await makeServer().app.inject(url);
      expect(headers['content-security-policy']).toContain("script-src 'self'");
      expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
      expect(headers['content-security-policy']).not.toContain('unsafe');
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers['referrer-policy']).toBe('no-referrer');
    },
  );
});

describe('evidence from outside', () => {
  it('is taken from other systems of the line, each event at least with a part or a station', async () => {
    const taken: unknown[] = [];
    const server = makeServer({ lineEvents: async (events) => void taken.push(...events) });
    const send = (payload: unknown) =>
      server.app.inject({ method: 'POST', url: '/api/line-events', payload: payload as object });
    const scrapped = { kind: 'scrapped-downstream', timeMs: 5, correlationId: 'L1' };
    const answer_ = await send([scrapped, { kind: 'reject-gate-fired', station: 'gate-2', durationMs: 80 }]);
    expect(answer_.json()).toEqual({ recorded: 2 });
    expect(taken).toEqual([
      { ...scrapped, station: null },
      {
        kind: 'reject-gate-fired',
        timeMs: expect.any(Number),
        correlationId: null,
        station: 'gate-2',
        durationMs: 80,
      },
    ]);
    for (const wrong of [
      [],
      [{ kind: 'scrapped-downstream' }],
      [{ ...scrapped, kind: 'Not A Kind' }],
      [{ ...scrapped, timeMs: -1 }],
      [{ ...scrapped, correlationId: 'x'.repeat(999) }],
      [{ ...scrapped, predictionSeq: 7 }],
      Array(501).fill(scrapped),
    ]) {
      const refused = await send(wrong);
      expect([refused.statusCode, refused.json().code]).toEqual([400, 'REQUEST_INVALID']);
    }
  });

  it('is how long somebody looked at a prediction', async () => {
    const looks: unknown[] = [];
    const server = makeServer({ lookedAt: async (look) => void looks.push(look) });
    const look = { predictionId: '0123abcd-7', durationMs: 4000 };
    const sent = await server.app.inject({ method: 'POST', url: '/api/looked-at', payload: look });
    expect(sent.statusCode).toBe(200);
    expect(looks).toEqual([look]);
    const payload = { ...look, durationMs: -1 };
    const refused = await server.app.inject({ method: 'POST', url: '/api/looked-at', payload });
    expect(refused.json().code).toBe('REQUEST_INVALID');
  });
});

describe('the API', () => {
  it('gives the view as it is now', async () => {
    view = sampleView({ headline: { severity: 'alarm', text: 'No samples.', next: 'Look.' } });
    expect((await makeServer().app.inject('/api/status')).json()).toEqual(view);
  });

  it.each([
    [200, 'every slot has a model', {}],
    [503, 'the engine is down', { engine: { alive: false, restarts: 1, rssBytes: 0 } }],
    [503, 'a slot has no model', { slots: [sampleSlot(), sampleSlot({ champion: null })] }],
    [503, 'there is no slot', { slots: [] }],
  ])('answers %i on /api/health when %s', async (status, _when, change) => {
    view = sampleView(change);
    expect((await makeServer().app.inject('/api/health')).statusCode).toBe(status);
  });

  it('hands an answer over and says that it is recorded', async () => {
    const response = await post('/api/feedback', answer);
    expect([response.statusCode, response.json()]).toEqual([200, { recorded: true }]);
    expect(answers).toEqual([answer]);
  });

  it('passes on why an answer cannot be recorded', async () => {
    const response = await post('/api/feedback', { ...answer, predictionId: '0123abcd-404' });
    expect(response.statusCode).toBe(404);
    expect(response.json()).toEqual({ code: 'PREDICTION_UNKNOWN', message: 'never made', hint: null });
  });

  it.each([
    ['no JSON', '{"predictionId":', 400],
    ['an empty body', '', 400],
    ['a list', [], 400],
    ['no label', { predictionId: answer.predictionId }, 400],
    ['a label that is no text', { ...answer, label: 5 }, 400],
    ['an id of another shape', { ...answer, predictionId: "1' or 1=1" }, 400],
    ['a field too many', { ...answer, weight: 1 }, 400],
    ['a prototype', '{"__proto__":{"a":1}}', 400],
    ['more than 64 KiB', { ...answer, label: 'x'.repeat(70_000) }, 413],
  ])('refuses a body with %s, and counts it', async (_what, body, status) => {
    const response = await post('/api/feedback', body);
    expect(response.statusCode).toBe(status);
    const code = status === 413 ? 'REQUEST_TOO_LARGE' : 'REQUEST_INVALID';
    expect(response.json()).toMatchObject({ code, message: expect.any(String) });
    expect(counters.get(code)).toBe(1);
    expect(answers).toEqual([]);
  });

  it('takes JSON only, so that no plain form of another page can reach it', async () => {
    const response = await post('/api/feedback', answer, { 'content-type': 'text/plain' });
    expect(response.statusCode).toBe(400);
    expect(answers).toEqual([]);
  });

  it('hides what went wrong inside behind a coded error', async () => {
    const server = makeServer({
      view: () => {
        throw new Error('secret detail');
      },
    });
    const response = await server.app.inject('/api/status');
    expect(response.statusCode).toBe(500);
    expect(response.json()).toMatchObject({ code: 'UNEXPECTED' });
    expect(response.body).not.toContain('secret');
    expect(counters.get('UNEXPECTED')).toBe(1);
  });

  it('injects into the simulated line', async () => {
    const response = await post('/api/simulator', { kind: 'drift', feature: 'torque_nm', shift: 5 });
    expect(response.statusCode).toBe(200);
    expect(injections).toEqual([{ kind: 'drift', feature: 'torque_nm', shift: 5, overSamples: 1 }]);
    expect((await post('/api/simulator', { kind: 'explode' })).statusCode).toBe(400);
  });

  it('cuts the link of a demo and gives it back', async () => {
    for (const cut of [true, false]) await post('/api/demo/link', { cut });
    expect(cuts).toEqual([true, false]);
    expect((await post('/api/demo/link', { cut: 'yes' })).statusCode).toBe(400);
  });

  it.each([
    ['/api/simulator', { kind: 'clear' }],
    ['/api/demo/link', { cut: true }],
  ])('has no %s on a device that is neither simulated nor a demo', async (url, payload) => {
    const server = new StatusServer(plainDeps());
    const response = await server.app.inject({ method: 'POST', url, payload });
    expect(response.statusCode).toBe(404);
    expect(response.json()).toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('other pages in the same browser', () => {
  it.each([
    ['127.0.0.1:8080', 200],
    ['localhost:1', 200],
    ['[::1]:8080', 200],
    ['evil.example', 403],
    ['127.0.0.1.evil.example', 403],
    ['localhost@evil.example', 403],
    ['127.0.0.1 evil', 403],
  ])('are told apart by Host: %s', async (host, status) => {
    const response = await makeServer().app.inject({ url: '/api/status', headers: { host } });
    expect(response.statusCode).toBe(status);
    if (status === 403) expect(response.json()).toMatchObject({ code: 'HOST_REFUSED' });
  });

  it('may be any name when the device listens to the network on purpose', async () => {
    const server = makeServer({ host: '0.0.0.0' });
    const response = await server.app.inject({ url: '/api/status', headers: { host: 'mill-1.plant' } });
    expect(response.statusCode).toBe(200);
  });

  it.each([
    ['http://localhost:80', 200],
    [undefined, 200],
    ['http://evil.example', 403],
    ['http://localhost:9999', 403],
    ['null', 403],
    ['', 403],
  ])('may not answer for the operator: Origin %s', async (origin, status) => {
    const headers = { host: 'localhost', ...(origin === undefined ? {} : { origin }) };
    const response = await post('/api/feedback', answer, headers);
    expect(response.statusCode).toBe(status);
    expect(answers).toHaveLength(status === 200 ? 1 : 0);
  });
});

describe('listening', () => {
  it('returns the address to open', async () => {
    const url = await makeServer().start();
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect((await fetch(`${url}/api/health`)).status).toBe(200);
  });

  it('says in words that the port is taken', async () => {
    const url = await makeServer().start();
    const port = Number(new URL(url).port);
    await expect(makeServer({ port }).start()).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      message: expect.stringContaining(String(port)),
      hint: expect.stringContaining('http.port'),
    });
  });
});

describe('an operator’s hold', () => {
  const request: HoldRequest = { slot: 'milling', hold: true, reason: 'batch 4711 runs' };

  it('is taken with its reason, and released, where nobody has a PIN', async () => {
    expect((await post('/api/hold', request)).statusCode).toBe(200);
    expect((await post('/api/hold', { slot: 'milling', hold: false })).statusCode).toBe(200);
    expect(holds).toEqual([request, { slot: 'milling', hold: false }]);
  });

  it.each([
    ['without a reason', { slot: 'milling', hold: true, reason: '  ' }],
    ['for a time that is none', { ...request, untilMs: 'tomorrow' }],
    ['with more than it needs', { ...request, force: true }],
  ])('is refused %s', async (_what, body) => {
    const reply = await post('/api/hold', body);
    expect([reply.statusCode, reply.json().code]).toEqual([400, 'REQUEST_INVALID']);
    expect(holds).toEqual([]);
  });

  it('asks for the PIN where there is one', async () => {
    const file = join(folder, 'pin.json');
    writeFileSync(file, hashPin('4711'));
    const server = makeServer({ pin: new OperatorPin(file, systemClock) });
    const send = (headers: Record<string, string>) =>
      server.app.inject({ method: 'POST', url: '/api/hold', payload: request, headers });
    expect((await send({})).json().code).toBe('PIN_WRONG');
    expect((await send({ 'x-andon-pin': '4711' })).statusCode).toBe(200);
    expect(holds).toEqual([request]);
  });
});
