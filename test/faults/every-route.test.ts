/** Every door to HTTP that agent and server have, new ones by themselves: hostile requests are refused, counted, and change nothing. */
import { describe, expect, it } from 'vitest';
import type { StatusView } from '../../agent/http/view.ts';
import { type HostileForm, hostileRequests } from './support/doors/hostile-requests.ts';
import { type House, openAgent, openServer, type ServerHouse } from './support/doors/open-house.ts';
import { sendRaw } from './support/doors/raw-request.ts';
import { changedTables, digestTables } from './support/doors/table-digest.ts';
import { tabulateDoor } from './support/fault-table.ts';
import { testTimeoutMs, times } from './support/form.ts';
import { fetchJson } from './support/scene.ts';

/** To each address, with each method. */
const REQUESTS = times(2, 20);
/** The agent writes them by itself. */
const OWN_TABLES = ['metrics', 'events', 'states', 'streams'];
const READS = /^(?:GET|HEAD|OPTIONS)$/;

interface Asked {
  readonly sent: number;
  readonly refused: number;
  readonly codes: readonly string[];
  /** Method and path of those that were not refused. */
  readonly taken: readonly string[];
}

describe('every route of the server', () => {
  const strangers: [string, (server: ServerHouse) => HostileForm['headers'], 'reads' | 'nothing'][] = [
    ['without a token', () => ({}), 'reads'],
    ['with a wrong token', () => bearer(`andon_${'A'.repeat(43)}`), 'reads'],
    ['with a viewer’s token', ({ tokens }) => bearer(tokens.viewer), 'reads'],
    [
      'from another site in a browser that is signed in',
      ({ tokens }) => ({ ...bearer(tokens.release), origin: 'http://evil.example' }),
      'reads',
    ],
    [
      'under another host name',
      ({ tokens }) => ({ ...bearer(tokens.release), host: 'evil.example' }),
      'nothing',
    ],
  ];
  it.each(strangers)(
    'changes nothing when it is asked %s, and counts each refusal',
    async (who, headers, mayDo) => {
      const server = await openServer();
      const before = digestTables(server.database);
      const asked = await askEverywhere(server, headers(server), countsOfServer(server));
      if (mayDo === 'nothing') expect(asked.taken).toEqual([]);
      const changed = changedTables(before, digestTables(server.database));
      expect(changed).toEqual([]);
      await tabulateDoor({
        door: `HTTP of the server, ${who}`,
        ...rowOf(server, asked),
        changed: changed.length,
      });
    },
    testTimeoutMs,
  );

  it(
    'refuses under a code what one who may do everything sends wrongly',
    async () => {
      const server = await openServer();
      const asked = await askEverywhere(server, bearer(server.tokens.release), countsOfServer(server));
      await tabulateDoor({
        door: 'HTTP of the server, with every right',
        ...rowOf(server, asked),
        changed: 0,
      });
    },
    testTimeoutMs,
  );
});

describe('every route of the agent', () => {
  it.each<[string, HostileForm['headers'], 'reads' | 'nothing']>([
    ['from another site in the operator’s browser', { origin: 'http://evil.example' }, 'reads'],
    ['under another host name', { host: 'evil.example' }, 'nothing'],
  ])(
    'changes nothing when it is asked %s, and counts each refusal',
    async (who, headers, mayDo) => {
      const agent = await openAgent();
      const before = digestTables(agent.database, OWN_TABLES);
      const asked = await askEverywhere(agent, headers, countsOfAgent(agent));
      const taken = asked.taken.filter(
        (line) => mayDo === 'nothing' || !READS.test(line.split(' ')[0] ?? ''),
      );
      expect(taken).toEqual([]);
      const changed = changedTables(before, digestTables(agent.database, OWN_TABLES));
      expect(changed).toEqual([]);
      await tabulateDoor({
        door: `HTTP of the agent, ${who}`,
        ...rowOf(agent, asked),
        changed: changed.length,
      });
    },
    testTimeoutMs,
  );

  it(
    'keeps its models as they are when it is asked without the PIN, and refuses under a code what is wrong',
    async () => {
      const agent = await openAgent();
      const models = async () =>
        (await fetchJson<StatusView>(`${agent.running.url}/api/status`)).slots.map(
          ({ champion, challenger, hold, install }) => ({ champion, challenger, hold, install }),
        );
      const before = await models();
      const asked = await askEverywhere(agent, {}, countsOfAgent(agent));
      expect(await models()).toEqual(before);
      await tabulateDoor({ door: 'HTTP of the agent, without the PIN', ...rowOf(agent, asked), changed: 0 });
    },
    testTimeoutMs,
  );
});

/** Fails for an unexpected error, for a request that is not answered, and for a refusal that is not counted. */
async function askEverywhere(
  house: House<{ readonly url: string }>,
  headers: HostileForm['headers'],
  counted: () => Promise<number>,
): Promise<Asked & { readonly counted: number }> {
  const countedBefore = await counted();
  const codes = new Set<string>();
  const taken: string[] = [];
  let sent = 0;
  let refused = 0;
  for (const [i, url] of addressesOf(house).entries()) {
    for (const request of hostileRequests({ url, headers }, REQUESTS, i)) {
      const { status, text } = await sendRaw(house.running.url, request);
      const words = `${request.method} ${request.path} ${JSON.stringify(request.headers)}: ${text.slice(0, 1000)}`;
      expect(status, words).toBeGreaterThanOrEqual(200);
      expect(status, words).not.toBe(500);
      sent += 1;
      const code = /"code":"(\w+)"/.exec(text)?.[1];
      if (status >= 400 && status < 500) refused += 1;
      if (status < 400) taken.push(`${request.method} ${request.path}`);
      // What Triton's clients get is words; a HEAD has no body; the page says in text that it is not built.
      const saysWhy = code !== undefined || /"error":"|is not built yet/.test(text);
      if (status >= 400 && request.method !== 'HEAD') expect(saysWhy, words).toBe(true);
      if (code !== undefined && status >= 400) codes.add(code);
    }
  }
  expect(refused).toBeGreaterThan(0);
  const count = (await counted()) - countedBefore;
  expect(count).toBeGreaterThanOrEqual(refused);
  return { sent, refused, counted: count, taken, codes: [...codes].sort() };
}

function addressesOf({ routes }: House<unknown>): string[] {
  return [...new Set(routes.map(({ url }) => url))];
}

function rowOf(
  house: House<unknown>,
  { sent, refused, counted, codes }: Asked & { readonly counted: number },
) {
  return { addresses: addressesOf(house).length, sent, refused, counted, codes };
}

function bearer(token: string): { readonly authorization: string } {
  return { authorization: `Bearer ${token}` };
}

/** Refusals over HTTP, as the server says to one who may know. */
function countsOfServer({ running, tokens }: ServerHouse): () => Promise<number> {
  return async () => {
    const answer = await fetch(`${running.url}/api/health`, { headers: bearer(tokens.viewer) });
    const { counters } = (await answer.json()) as { counters: Record<string, number> };
    return sumOf(Object.entries(counters).filter(([code]) => code.startsWith('http.')));
  };
}

/** Refusals, as the metrics say. */
function countsOfAgent({ running }: House<{ readonly url: string }>): () => Promise<number> {
  return async () => {
    const text = await (await fetch(`${running.url}/metrics`)).text();
    const lines = [...text.matchAll(/code="([A-Z_]+|http\.[\w-]+)"\} (\d+)/g)];
    return sumOf(lines.map(([, code = '', count]) => [code, Number(count)]));
  };
}

function sumOf(counts: readonly (readonly [string, number])[]): number {
  return counts.reduce((sum, [, count]) => sum + count, 0);
}
