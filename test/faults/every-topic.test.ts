/** Every topic that agent and server listen to, new ones by themselves: hostile messages are refused, counted, and change nothing. */
import { expect, it, onTestFinished } from 'vitest';
import type { StatusView } from '../../agent/http/view.ts';
import { decodeBatch } from '../../protocol/batch.ts';
import { STREAMS } from '../../protocol/records.ts';
import { clientIdOf, topics } from '../../protocol/topics.ts';
import { FakeServer } from '../agent/sync/fake-server.ts';
import { makePackage } from '../support/packages.ts';
import { waitFor } from '../support/processes.ts';
import { changedMessages, rubbish } from './support/doors/hostile-messages.ts';
import { HOUSE_DEVICE, openAgent, openServer } from './support/doors/open-house.ts';
import { changedTables, digestTables } from './support/doors/table-digest.ts';
import { WatchedBroker } from './support/doors/watched-broker.ts';
import { tabulateDoor } from './support/fault-table.ts';
import { seededRandom, testTimeoutMs, times } from './support/form.ts';
import { Registry } from './support/registry.ts';
import { fetchJson } from './support/scene.ts';

/** Of each kind, to each topic. */
const MESSAGES = times(40, 2000);
const WITHIN_MS = 60_000;
const CHUNKS = topics.chunk('');

it(
  'at an agent: acknowledges nothing, wants nothing and loads nothing of it',
  async () => {
    const random = seededRandom(500);
    const broker = await WatchedBroker.start();
    const server = await new FakeServer().start(broker.url);
    onTestFinished(() => server.stop());
    server.answer = () => undefined;
    const agent = await openAgent({ team: server.team, sync: { broker: broker.url } });
    const status = () => fetchJson<StatusView>(`${agent.running.url}/api/status`);
    const refusals = async () => sumOf((await status()).counters);
    // A package that is not there: it asks for the chunks of it, and listens for them.
    await new Registry(server, HOUSE_DEVICE).want(makePackage({ version: 2 }), { only: [] });
    const heard = () => broker.subscribed((client) => client === clientIdOf(HOUSE_DEVICE));
    await waitFor(() => heard().some((topic) => topic.startsWith(CHUNKS)), WITHIN_MS, 'a wish for a chunk');
    const before = await status();
    const countedBefore = await refusals();
    let sent = 0;
    let refused = 0;
    for (const [i, topic] of heard().entries()) {
      // A chunk is listened for while it is wished for: what comes in between is nobody's.
      if (!topic.startsWith(CHUNKS)) {
        const counted = await refusals();
        for (const payload of rubbish(MESSAGES, random)) await broker.publish(topic, payload);
        await waitFor(
          async () => (await refusals()) - counted >= MESSAGES,
          WITHIN_MS,
          `${MESSAGES} refusals on ${topic}`,
        );
        refused += MESSAGES;
      }
      for (const payload of changedMessages(MESSAGES, i)) await broker.publish(topic, payload);
      sent += 2 * MESSAGES;
    }
    const after = await status();
    const changed = [
      after.link.backlog.predictions >= before.link.backlog.predictions ? [] : ['acknowledged'],
      JSON.stringify(after.slots.map(({ champion, challenger }) => [champion, challenger])) ===
      JSON.stringify(before.slots.map(({ champion, challenger }) => [champion, challenger]))
        ? []
        : ['models'],
    ].flat();
    expect(changed).toEqual([]);
    await tabulateDoor({
      door: 'MQTT of the agent, from a hostile broker',
      addresses: heard().length,
      sent,
      refused,
      counted: (await refusals()) - countedBefore,
      changed: changed.length,
      codes: Object.keys(after.counters),
    });
  },
  testTimeoutMs,
);

it(
  'at a server: stores nothing of it but the refused message itself',
  async () => {
    const random = seededRandom(501);
    const broker = await WatchedBroker.start();
    const server = await openServer({ broker: { kind: 'external', url: broker.url } });
    await waitFor(() => broker.subscribed(() => true).length > 0, WITHIN_MS, 'the server at the broker');
    const counters = async () => {
      const headers = { authorization: `Bearer ${server.tokens.viewer}` };
      const answer = await fetch(`${server.running.url}/api/health`, { headers });
      return ((await answer.json()) as { counters: Record<string, number> }).counters;
    };
    const before = digestTables(server.database, ['dead_letters']);
    const heard = broker.subscribed(() => true).flatMap(topicsOf);
    let refused = 0;
    for (const [i, topic] of heard.entries()) {
      const messages = [...rubbish(MESSAGES, random), ...changedMessages(MESSAGES, i).filter(isWrong(topic))];
      const counted = sumOf(await counters());
      for (const payload of messages) await broker.publish(topic, payload);
      // Nothing on a topic of one kept message takes it away: that is no message.
      const expected = messages.filter(({ length }) => length > 0 || topic.includes('/up/')).length;
      await waitFor(
        async () => sumOf(await counters()) - counted >= expected,
        WITHIN_MS,
        `${expected} refusals on ${topic}`,
      );
      refused += expected;
    }
    const changed = changedTables(before, digestTables(server.database, ['dead_letters']));
    expect(changed).toEqual([]);
    const codes = await counters();
    await tabulateDoor({
      door: 'MQTT of the server, from a device gone bad',
      addresses: heard.length,
      sent: refused,
      refused,
      counted: sumOf(codes),
      changed: changed.length,
      codes: Object.keys(codes).filter((code) => !code.includes('.')),
    });
  },
  testTimeoutMs,
);

/** What a client may publish on to reach this filter: as a device, on each stream and on one that there is not. */
function topicsOf(filter: string): string[] {
  const own = filter.replace('+', HOUSE_DEVICE);
  return own.includes('+') ? [...STREAMS, 'nonsense'].map((stream) => own.replace('+', stream)) : [own];
}

/** Whole batches are the device's own affair; all else speaks of another device. */
function isWrong(topic: string): (payload: Buffer) => boolean {
  if (!topic.includes('/up/')) return () => true;
  return (payload) => {
    try {
      decodeBatch(payload);
      return false;
    } catch {
      return true;
    }
  };
}

function sumOf(counters: Record<string, number>): number {
  return Object.values(counters).reduce((sum, count) => sum + count, 0);
}
