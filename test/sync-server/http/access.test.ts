import Fastify, { type InjectOptions } from 'fastify';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Tokens } from '../../../sync-server/access/tokens.ts';
import { Counters } from '../../../sync-server/counters.ts';
import { addAccess, whoOf } from '../../../sync-server/http/access.ts';
import { errorReply } from '../../../sync-server/http/error-reply.ts';
import { silentLog, TestClock, temporaryStore } from '../support.ts';

/** One route for each thing that a route can say of itself. */
async function setUp(host = '10.0.0.5', names: string[] = []) {
  const store = temporaryStore();
  const clock = new TestClock();
  const tokens = new Tokens({ store, clock });
  const counters = new Counters();
  const app = Fastify();
  app.setErrorHandler(errorReply(silentLog, counters));
  const stillAllowed = addAccess(app, { tokens, clock, counters, host, names });
  app.get('/open', { config: { role: 'anyone' } }, async ({ caller }) => ({ caller }));
  app.get('/read', async (request) => ({ who: whoOf(request, 'said'), still: stillAllowed(request) }));
  app.post('/hold', { config: { role: 'operator' } }, async (request) => ({ who: whoOf(request, 'said') }));
  app.post('/decide', async () => ({}));
  onTestFinished(() => app.close());
  const ask = async (method: 'GET' | 'POST' | 'DELETE', url: string, over: InjectOptions = {}) => {
    const answer = await app.inject({ method, url, ...over });
    return {
      status: answer.statusCode,
      body: answer.body === '' ? null : answer.json(),
      headers: answer.headers,
    };
  };
  const by = (token: string): InjectOptions => ({ headers: { authorization: `Bearer ${token}` } });
  return { tokens, clock, counters, ask, by, app };
}

const ROUTES = [
  ['GET', '/read'],
  ['POST', '/hold'],
  ['POST', '/decide'],
] as const;

describe('access', () => {
  it('is open on loopback until the first token is made, and never again', async () => {
    const { ask, tokens } = await setUp('127.0.0.1');
    for (const [method, url] of ROUTES) expect((await ask(method, url)).status).toBe(200);
    expect((await ask('GET', '/read')).body).toEqual({ who: 'said', still: true });
    tokens.add('anna', 'release', null, 'test');
    tokens.revoke('anna', 'test');
    for (const [method, url] of ROUTES) expect((await ask(method, url)).status).toBe(401);
  });

  it('is closed on a network from the first moment', async () => {
    const { ask } = await setUp('0.0.0.0');
    for (const [method, url] of ROUTES) {
      expect(await ask(method, url)).toMatchObject({ status: 401, body: { code: 'LOGIN_NEEDED' } });
    }
    expect(await ask('GET', '/open')).toMatchObject({ status: 200, body: { caller: null } });
  });

  it('is closed behind a proxy too, where everybody seems to be on this machine', async () => {
    const { ask } = await setUp('127.0.0.1', ['andon.example']);
    for (const [method, url] of ROUTES) expect((await ask(method, url)).status).toBe(401);
  });

  it.each([
    ['viewer', [200, 403, 403]],
    ['operator', [200, 200, 403]],
    ['release', [200, 200, 200]],
  ] as const)('lets a %s do what the role says and no more', async (role, statuses) => {
    const { ask, by, tokens } = await setUp();
    const token = by(tokens.add('anna', role, null, 'test'));
    const answers = [];
    for (const [method, url] of ROUTES) answers.push((await ask(method, url, token)).status);
    expect(answers).toEqual(statuses);
  });

  it('knows a caller by the token, whatever name the caller gives', async () => {
    const { ask, by, tokens } = await setUp();
    const token = by(tokens.add('anna', 'operator', null, 'test'));
    expect((await ask('POST', '/hold', token)).body).toEqual({ who: 'anna' });
  });

  it('takes a right token while wrong ones are asked to wait', async () => {
    const { ask, by, tokens, counters } = await setUp();
    const right = by(tokens.add('anna', 'viewer', null, 'test'));
    const codes = [];
    for (let i = 0; i < 12; i++) codes.push((await ask('GET', '/read', by(`andon_${i}`))).body.code);
    expect(codes).toEqual([...Array(10).fill('TOKEN_WRONG'), ...Array(2).fill('TOO_MANY_FAILURES')]);
    expect(counters.get('access.wrong-token')).toBe(12);
    expect((await ask('GET', '/read', right)).status).toBe(200);
  });
});

describe('a session of the console', () => {
  it('stands in a cookie that no script and no other site can use, and is no token', async () => {
    const { ask, tokens } = await setUp();
    const token = tokens.add('anna', 'operator', null, 'test');
    const signedIn = await ask('POST', '/api/session', { payload: { token } });
    expect(signedIn).toMatchObject({ status: 200, body: { name: 'anna', role: 'operator' } });
    const cookie = String(signedIn.headers['set-cookie']);
    expect(cookie).toMatch(/^andon-session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/);
    expect(cookie).not.toContain(token.slice(6));
    const headers = { cookie: cookie.split(';')[0] as string };
    expect((await ask('POST', '/hold', { headers })).status).toBe(200);
    expect((await ask('GET', '/api/session', { headers })).body).toMatchObject({ name: 'anna' });
    const out = await ask('DELETE', '/api/session', { headers });
    expect([out.status, out.headers['set-cookie']]).toEqual([204, expect.stringContaining('Max-Age=0')]);
    expect((await ask('GET', '/read', { headers })).status).toBe(401);
  });

  it('is never sent in the clear behind a proxy with TLS', async () => {
    const { ask, tokens } = await setUp();
    const token = tokens.add('anna', 'viewer', null, 'test');
    const headers = { 'x-forwarded-proto': 'https' };
    const { headers: answered } = await ask('POST', '/api/session', { payload: { token }, headers });
    expect(answered['set-cookie']).toMatch(/; Secure$/);
  });

  it('is refused to a wrong token, and to what is none', async () => {
    const { ask } = await setUp();
    expect(await ask('POST', '/api/session', { payload: { token: 'guess' } })).toMatchObject({ status: 401 });
    expect(await ask('POST', '/api/session', { payload: { token: 1 } })).toMatchObject({ status: 400 });
    const headers = { cookie: `andon-session=${'A'.repeat(43)}` };
    expect((await ask('GET', '/read', { headers })).body).toMatchObject({ code: 'LOGIN_NEEDED' });
  });
});
