import { createHmac, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AlarmOutputs } from '../../../agent/alarm-output/alarm-outputs.ts';
import type { Store } from '../../../agent/store/store.ts';
import { alarmMessageSchema } from '../../../protocol/alarms.ts';
import { waitFor } from '../../support/wait-for.ts';
import { openTempStore, TestClock, tempFolder } from '../store/temp-store.ts';
import { change, outputsTo } from './alarms.ts';
import { WebhookReceiver } from './webhook-receiver.ts';

describe('a webhook', () => {
  let receiver: WebhookReceiver;
  let store: Store;
  const running = new Set<AlarmOutputs>();

  beforeEach(async () => {
    receiver = await new WebhookReceiver().start();
    store = openTempStore().store;
  });
  afterEach(async () => {
    for (const outputs of running) await outputs.stop();
    running.clear();
    await receiver.stop();
  });

  function start(change: object = {}, clock?: TestClock) {
    const made = outputsTo({ kind: 'webhook', url: receiver.url, ...change }, store, clock);
    running.add(made.outputs);
    made.outputs.start();
    return made;
  }
  /** In the order in which they first came: the same one may come again. */
  const ids = () => [...new Set(receiver.received.map(({ message }) => message.id))];

  it('gets each change in order, as a message that its schema knows', async () => {
    const { outputs, counters } = start();
    for (const each of [change(1), change(2), change(1, 'cleared')]) outputs.take(each);
    await waitFor('delivered', () => counters.get('alarms.delivered') === 3);
    expect(ids()).toEqual(['raised-1', 'raised-2', 'cleared-1']);
    const [first] = receiver.received;
    expect(alarmMessageSchema.parse(first?.message)).toEqual(first?.message);
    expect(first?.message).toMatchObject({
      device: 'mill-1',
      alarm: 'alarm-1',
      state: 'raised',
      slot: 'milling',
    });
  });

  it('can check who sent it and when, and know what came twice', async () => {
    const secret = randomBytes(24);
    const files = { secretFile: join(tempFolder(), 'secret'), tokenFile: join(tempFolder(), 'token') };
    writeFileSync(files.secretFile, `whsec_${secret.toString('base64')}\n`);
    writeFileSync(files.tokenFile, 'let-me-in\n');
    const { outputs } = start(files);
    outputs.take(change(1));
    await waitFor('delivered', () => receiver.received.length === 1);
    const [{ headers, body } = { headers: {} as IncomingHttpHeaders, body: '' }] = receiver.received;
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
    expect(headers['webhook-id']).toBe('raised-1');
    expect(headers.authorization).toBe('Bearer let-me-in');
    expect(headers['webhook-signature']).toBe(
      `v1,${createHmac('sha256', secret).update(signed).digest('base64')}`,
    );
  });

  it.each([500, 503, 429, 401] as const)(
    'that answers %i gets it again until it takes it',
    async (status) => {
      receiver.answer = status;
      const { outputs, counters } = start();
      outputs.take(change(1));
      outputs.take(change(2));
      await waitFor('attempts', () => counters.get('ALARM_UNDELIVERED') >= 3);
      expect(ids()).toEqual(['raised-1']);
      receiver.answer = 200;
      await waitFor('delivered', () => counters.get('alarms.delivered') === 2);
      expect(ids()).toEqual(['raised-1', 'raised-2']);
    },
  );

  it('that is down, or hangs, holds nobody up and gets all when it is back', async () => {
    receiver.answer = 'hang';
    const { outputs, counters } = start({ timeoutMs: 100 });
    outputs.take(change(1));
    await waitFor('given up on one attempt', () => counters.get('ALARM_UNDELIVERED') >= 2);
    await receiver.stop();
    outputs.take(change(2));
    const failures = counters.get('ALARM_UNDELIVERED');
    await waitFor('refused connections', () => counters.get('ALARM_UNDELIVERED') >= failures + 2);
    receiver.answer = 204;
    receiver.received.length = 0;
    await receiver.start();
    await waitFor('delivered', () => counters.get('alarms.delivered') === 2);
    expect(ids()).toEqual(['raised-1', 'raised-2']);
  });

  it('that hangs is given up on in time, however often the garbage collector runs meanwhile', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    receiver.answer = 'hang';
    const { outputs, counters } = start({ timeoutMs: 300 });
    outputs.take(change(1));
    const collecting = setInterval(collect, 20);
    await waitFor('given up on', () => counters.get('ALARM_UNDELIVERED') >= 1).finally(() =>
      clearInterval(collecting),
    );
  });

  it('that calls a message wrong does not get it again, and it is counted', async () => {
    receiver.answer = 422;
    const { outputs, counters } = start();
    outputs.take(change(1));
    await waitFor('dropped', () => counters.get('ALARM_DROPPED') === 1);
    receiver.answer = 200;
    outputs.take(change(2));
    await waitFor('delivered', () => counters.get('alarms.delivered') === 1);
    expect(ids()).toEqual(['raised-1', 'raised-2']);
  });

  it('that redirects gets nothing: no secret goes where the config does not say', async () => {
    receiver.answer = 307;
    const { outputs, counters } = start();
    outputs.take(change(1));
    await waitFor('attempts', () => counters.get('ALARM_UNDELIVERED') >= 1);
    expect(counters.get('alarms.delivered')).toBe(0);
  });

  it('gets after a restart of the agent what it missed before', async () => {
    receiver.answer = 500;
    const before = start();
    before.outputs.take(change(1));
    before.outputs.take(change(2));
    await waitFor('attempted', () => before.counters.get('ALARM_UNDELIVERED') >= 1);
    await before.outputs.stop();
    receiver.answer = 200;
    receiver.received.length = 0;
    const after = start();
    await waitFor('delivered', () => after.counters.get('alarms.delivered') === 2);
    expect(ids()).toEqual(['raised-1', 'raised-2']);
  });

  it('that stays away loses the oldest of too many, counted, and never the newest', async () => {
    receiver.answer = 500;
    const { outputs, counters } = start();
    for (let n = 1; n <= 300; n += 1) outputs.take(change(n));
    await waitFor('attempted', () => counters.get('ALARM_UNDELIVERED') >= 1);
    expect(counters.get('ALARM_DROPPED')).toBe(300 - 256);
    receiver.answer = 200;
    await waitFor('delivered', () => counters.get('alarms.delivered') === 256);
    expect(ids().at(-1)).toBe('raised-300');
  });

  it('is an alarm itself when it fails for a minute, and after a day of attempts the message goes, counted', async () => {
    receiver.answer = 500;
    const clock = new TestClock();
    const { outputs, counters } = start({}, clock);
    outputs.take(change(1));
    await waitFor('attempted', () => counters.get('ALARM_UNDELIVERED') >= 1);
    expect(outputs.causes()).toEqual([]);
    clock.advance(61_000);
    const origin = new URL(receiver.url).origin;
    expect(outputs.causes()).toMatchObject([
      { code: 'alarm-output-failing', text: `Alarms do not reach ${origin}; 1 wait.` },
    ]);
    clock.advance(24 * 3_600_000);
    await waitFor('given up', () => counters.get('ALARM_DROPPED') === 1);
    receiver.answer = 200;
    outputs.take(change(2));
    await waitFor('delivered', () => counters.get('alarms.delivered') === 1);
    expect(outputs.causes()).toEqual([]);
  });
});
