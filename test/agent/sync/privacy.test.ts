/** Promise 11: what leaves the device is the slot's choice. */
import { describe, expect, it } from 'vitest';
import { type PrivacyOf, planBatch } from '../../../agent/sync/batch-planner.ts';
import { policyOf, takesInputsAlong } from '../../../agent/sync/privacy-policy.ts';
import { decodeBatch } from '../../../protocol/batch.ts';
import type { Feedback, Prediction } from '../../../protocol/records.ts';
import { startAedes } from '../../support/brokers.ts';
import { waitFor } from '../../support/wait-for.ts';
import { prediction, TestDevice } from './device.ts';
import { FakeServer } from './fake-server.ts';

const SAMPLED_SHARE = 0.25;
const policies = { open: 'features', some: 'sampled', plain: 'outputs', secret: 'none' } as const;
const privacyOf: PrivacyOf = (slot) =>
  policyOf(
    slot in policies
      ? { privacy: policies[slot as keyof typeof policies], sampledShare: SAMPLED_SHARE }
      : undefined,
  );

function plan(slots: readonly string[], afterSeq = 0, firstSeq = 1) {
  const records: Prediction[] = slots.map((slot, i) => ({ ...prediction(i, { slot }), seq: firstSeq + i }));
  const rest = {
    storeEpoch: '0'.repeat(16),
    afterSeq,
    maxRecords: 100,
    privacyOf,
    careful: false,
  };
  return planBatch({ stream: 'predictions', records, ...rest });
}

function sent(slots: readonly string[], afterSeq = 0, firstSeq = 1) {
  const made = plan(slots, afterSeq, firstSeq);
  if (made.kind !== 'batch') throw new Error('nothing to send');
  const { gapBefore, records } = decodeBatch(made.bytes);
  return { gapBefore, records: records as Prediction[] };
}

describe('a batch under the privacy policy', () => {
  it('carries features only of slots that let them out', () => {
    expect(sent(['open', 'plain']).records.map(({ features }) => features)).toEqual([[0, 2, 3], null]);
  });

  it('carries the stated share of the inputs of a slot that samples them, the same ones each time', () => {
    const slots = Array.from({ length: 100 }, () => 'some');
    const first = sent(slots).records;
    expect(sent(slots).records).toEqual(first);
    expect(first.filter(({ features }) => features !== null).length).toBeGreaterThan(0);
    const policy = privacyOf('some');
    const taken = Array.from({ length: 10_000 }, (_, seq) => takesInputsAlong(seq, policy));
    // Binomial: five standard deviations of 43 on either side.
    expect(Math.abs(taken.filter(Boolean).length - 10_000 * SAMPLED_SHARE)).toBeLessThan(5 * 43.3);
    // A line that repeats itself every four parts shows each of them.
    for (const phase of [0, 1, 2, 3]) {
      const share = taken.filter((take, seq) => take && seq % 4 === phase).length / 2500;
      expect(Math.abs(share - SAMPLED_SHARE)).toBeLessThan(0.05);
    }
  });

  it('leaves out the predictions of a slot that sends none, as a gap', () => {
    const { gapBefore, records } = sent(['secret', 'secret', 'plain', 'plain', 'secret', 'plain']);
    expect(gapBefore).toBe(2);
    expect(records.map(({ seq }) => seq)).toEqual([3, 4, 6]);
  });

  it('treats a slot that is not configured as one that sends none', () => {
    expect(plan(['forgotten'])).toEqual({ kind: 'withheld', lastSeq: 1, cause: null });
  });

  it('adds what retention dropped and what was left out to one gap', () => {
    expect(sent(['secret', 'plain'], 10, 15).gapBefore).toBe(5);
  });

  it('leaves out labels of what was left out, too', () => {
    const label = {
      timeMs: 1,
      predictionSeq: 1,
      kind: 'explicit',
      label: 1,
      weight: 1,
      rule: 'r',
      evidence: '',
      precedence: 1000,
      withdrawn: false,
      observedMs: null,
    } as const;
    const records: Feedback[] = [{ ...label, seq: 1, slot: 'secret' }];
    const rest = {
      storeEpoch: '0'.repeat(16),
      afterSeq: 0,
      maxRecords: 100,
      privacyOf,
      careful: false,
    };
    expect(planBatch({ stream: 'feedback', records, ...rest }).kind).toBe('withheld');
  });
});

describe('a device with a slot that sends nothing', () => {
  it('sends the other slot, and frees what nobody will ever acknowledge', async () => {
    const broker = await startAedes();
    const server = await new FakeServer().start(broker.url);
    const device = new TestDevice({ broker: broker.url, privacy: 'outputs' });
    device.record(5, { slot: 'secret' });
    device.record(5);
    device.record(5, { slot: 'secret' });
    await device.sync.start();
    await waitFor('freed', () => device.streams.acked('predictions') === 15);
    device.record(5);
    await waitFor('the next', () => device.streams.acked('predictions') === 20);
    const records = server.committed.get('predictions') as Prediction[];
    expect(records.map(({ seq }) => seq)).toEqual([6, 7, 8, 9, 10, 16, 17, 18, 19, 20]);
    expect(records.every(({ features, slot }) => features === null && slot === 'inspect')).toBe(true);
    await device.stop();
    await server.stop();
    await broker.stop();
  });

  it('goes on after a restart though the server never heard of the records in between', async () => {
    const broker = await startAedes();
    const server = await new FakeServer().start(broker.url);
    const device = new TestDevice({ broker: broker.url });
    device.record(5, { slot: 'secret' });
    await device.sync.start();
    await waitFor('freed', () => device.streams.acked('predictions') === 5);
    await device.restart();
    device.record(3);
    await waitFor('sent', () => device.streams.acked('predictions') === 8);
    expect(server.committed.get('predictions')?.map(({ seq }) => seq)).toEqual([6, 7, 8]);
    await device.stop();
    await server.stop();
    await broker.stop();
  });
});
