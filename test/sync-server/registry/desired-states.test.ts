import { describe, expect, it } from 'vitest';
import { generateSigningKey, openEnvelope } from '../../../protocol/keys.ts';
import { desiredSchema, envelopeSchema, parseMessage, type TrustRef } from '../../../protocol/messages.ts';
import { topics } from '../../../protocol/topics.ts';
import { DesiredStates } from '../../../sync-server/registry/desired-states.ts';
import { Fleet } from '../../../sync-server/registry/fleet.ts';
import { ModelCatalog } from '../../../sync-server/registry/model-catalog.ts';
import { neededPackages } from '../../../sync-server/registry/needed-chunks.ts';
import {
  CHALLENGER,
  CHAMPION,
  desiredSlot,
  modelRef,
  reported,
  TestClock,
  temporaryStore,
} from '../support.ts';

const SLOT = 'machine-failure';
const one = modelRef(1, CHAMPION);
const two = modelRef(2, CHALLENGER);

function desiredStates() {
  const store = temporaryStore();
  const key = generateSigningKey();
  const clock = new TestClock();
  const published: { topic: string; payload: Buffer; retain: boolean }[] = [];
  const trust: { ref: TrustRef | undefined } = { ref: undefined };
  let changes = 0;
  const desired = new DesiredStates({
    store,
    key,
    trust: () => trust.ref,
    clock,
    publish: async (topic, payload, retain) => published.push({ topic, payload, retain }) > 0,
    onChange: () => {
      changes += 1;
    },
  });
  const last = () =>
    openEnvelope([key], desiredSchema, published.at(-1)?.payload ?? Buffer.alloc(0), 'desired');
  return { store, desired, trust, published, last, clock, changes: () => changes };
}

describe('desired states', () => {
  it('are signed, for one device, and kept by the broker', () => {
    const { desired, published, last } = desiredStates();
    expect(desired.setSlot('mill-1', SLOT, desiredSlot(one, two))).toBe(1);
    expect(published).toMatchObject([{ topic: topics.desired('mill-1'), retain: true }]);
    expect(last()).toMatchObject({
      device: 'mill-1',
      generation: 1,
      slots: { [SLOT]: desiredSlot(one, two) },
    });
  });

  it('say where the signed metadata are, once there are any', () => {
    const { desired, published, trust } = desiredStates();
    desired.setSlot('mill-1', SLOT, desiredSlot(one));
    trust.ref = { indexSha256: 'd'.repeat(64), sizeBytes: 4000 };
    desired.publishAll();
    const refs = published.map(({ payload }) => parseMessage(envelopeSchema, payload, 'envelope').trust);
    expect(refs).toEqual([undefined, trust.ref]);
  });

  it('grow by a generation a change, and only then', () => {
    const { desired, published, changes } = desiredStates();
    desired.setSlot('mill-1', SLOT, desiredSlot(one));
    expect(desired.setSlot('mill-1', SLOT, desiredSlot(one))).toBe(1);
    expect(published).toHaveLength(1);
    expect(desired.setSlot('mill-1', SLOT, desiredSlot(two))).toBe(2);
    expect(desired.setSlot('mill-1', 'other', desiredSlot(one))).toBe(3);
    expect(changes()).toBe(3);
  });

  it('carry all slots of a device', () => {
    const { desired, last } = desiredStates();
    desired.setSlot('mill-1', SLOT, desiredSlot(one));
    desired.setSlot('mill-1', 'other', desiredSlot(two));
    expect(Object.keys(last().slots)).toEqual([SLOT, 'other']);
  });

  it('are published again byte for byte, so that nothing changes on a device that knows them', () => {
    const { desired, published, clock } = desiredStates();
    desired.setSlot('mill-1', SLOT, desiredSlot(one));
    clock.nowMs += 60_000;
    desired.publishAll();
    expect(published[1]).toEqual(published[0]);
  });

  it('never fall behind what the device has seen, after the server’s data was lost', () => {
    const { store, desired } = desiredStates();
    store.devices.saveReported(reported('mill-1', { generation: 41 }));
    expect(desired.setSlot('mill-1', SLOT, desiredSlot(one))).toBe(42);
  });

  it('say nothing to a device of which nothing is wanted', () => {
    const { desired, published } = desiredStates();
    desired.publish('mill-9');
    expect(published).toEqual([]);
  });
});

describe('the fleet', () => {
  it('calls a device online while it speaks, and not after silence or a goodbye', () => {
    const { store, desired, clock } = desiredStates();
    const fleet = new Fleet({ store, desired, catalog: new ModelCatalog({ store, clock }), clock });
    store.devices.seen('mill-1', clock.nowMs);
    store.devices.seen('mill-2', clock.nowMs);
    store.devices.gone('mill-2');
    expect(fleet.devices().map(({ id, online }) => [id, online])).toEqual([
      ['mill-1', true],
      ['mill-2', false],
    ]);
    clock.nowMs += 60_000;
    expect(fleet.devices().some(({ online }) => online)).toBe(false);
  });

  it('takes nothing seen in the future for a sign of life, after the clock was set back', () => {
    const { store, desired, clock } = desiredStates();
    const fleet = new Fleet({ store, desired, catalog: new ModelCatalog({ store, clock }), clock });
    store.devices.seen('mill-1', clock.nowMs);
    clock.nowMs -= 3_600_000;
    expect(fleet.devices().map(({ online }) => online)).toEqual([false]);
    store.devices.seen('mill-1', clock.nowMs);
    expect(fleet.devices().map(({ online }) => online)).toEqual([true]);
  });

  it('does not know models that were never published', () => {
    const { store, desired, clock } = desiredStates();
    const fleet = new Fleet({ store, desired, catalog: new ModelCatalog({ store, clock }), clock });
    expect(() => fleet.modelRef('nothing', '1')).toThrow(expect.objectContaining({ code: 'MODEL_UNKNOWN' }));
    expect(() => fleet.manifestOf(CHAMPION)).toThrow(expect.objectContaining({ code: 'MODEL_UNKNOWN' }));
    expect(fleet.modelRefByHash(CHAMPION)).toBeUndefined();
  });
});

describe('packages that must be on the broker', () => {
  const slots = { [SLOT]: desiredSlot(one, two) };
  const runs = (manifestSha256: string) => ({ manifestSha256, title: 'x' });
  const install = (state: 'fetching' | 'refused') => ({
    manifestSha256: CHALLENGER,
    state,
    reason: null,
    chunksHave: 0,
    chunksWant: 1,
  });
  const says = (slot: Parameters<typeof reported>[1]) => reported('mill-1', slot);

  it('are all that are wanted, while the device has said nothing', () => {
    expect(neededPackages([{ slots, reported: null }])).toEqual(new Set([CHAMPION, CHALLENGER]));
  });

  it('are only those that the device does not run yet', () => {
    const state = says({
      slots: { [SLOT]: { champion: runs(CHAMPION), challenger: null, install: install('fetching') } },
    });
    expect(neededPackages([{ slots, reported: state }])).toEqual(new Set([CHALLENGER]));
  });

  it('are none when each device runs them or will not', () => {
    const done = says({
      slots: {
        [SLOT]: { champion: runs(CHAMPION), challenger: { ...runs(CHALLENGER), share: 0.5 }, install: null },
      },
    });
    const refused = says({
      slots: { [SLOT]: { champion: runs(CHAMPION), challenger: null, install: install('refused') } },
    });
    expect(neededPackages([done, refused].map((state) => ({ slots, reported: state })))).toEqual(new Set());
  });
});
