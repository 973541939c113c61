import { describe, expect, it } from 'vitest';
import { encodeBatch } from '../../../protocol/batch.ts';
import {
  INPUT_PROFILE_KIND,
  type InputProfile,
  type ProfiledFeature,
  parseProfile,
  profileData,
} from '../../../protocol/drift/input-profile.ts';
import { topics } from '../../../protocol/topics.ts';
import { fleetDrift } from '../../../sync-server/registry/fleet-drift.ts';
import { birth, CHALLENGER, CHAMPION, EPOCH, event, ingestOver, temporaryStore } from '../support.ts';

const quarters = [0.25, 0.25, 0.25, 0.25];

function torque(change: Partial<ProfiledFeature> = {}): ProfiledFeature {
  return {
    name: 'torque_nm',
    samples: 400,
    missing: 0,
    counts: [100, 100, 100, 100],
    mean: 0,
    autocorrelation: 0,
    baseline: quarters,
    categorical: false,
    sinceMs: null,
    ...change,
  };
}

const profileOf = (feature: ProfiledFeature, model = CHAMPION): InputProfile => ({
  model,
  baselineRows: 6000,
  features: [feature],
});

describe('an input profile on the wire', () => {
  it('comes back as it was sent, to four digits', () => {
    const sent = profileOf(torque({ mean: 0.123_456, sinceMs: 5 }));
    expect(parseProfile(profileData(sent))).toEqual(profileOf(torque({ mean: 0.1235, sinceMs: 5 })));
  });

  it('has a constant size: at most 64 inputs, what drifts first, none with a text that is too long', () => {
    const features = Array.from({ length: 100 }, (_, i) =>
      torque({ name: `f${i}`, sinceMs: i === 99 ? 7 : null }),
    );
    const many = torque({
      name: 'wide',
      counts: new Array(200).fill(1),
      baseline: new Array(200).fill(0.005),
    });
    const data = profileData({ model: CHAMPION, baselineRows: 10, features: [many, ...features] });
    const read = parseProfile(data);
    expect(read?.features).toHaveLength(63);
    expect(read?.features[0]).toMatchObject({ name: 'f99', sinceMs: 7 });
    expect(read?.features.some(({ name }) => name === 'wide')).toBe(false);
  });

  it('is refused as a whole without a model, and input by input where one is malformed', () => {
    const { model, ...rest } = profileData(profileOf(torque()));
    expect(model).toBe(CHAMPION);
    expect(parseProfile(rest)).toBeUndefined();
    const bent = { ...profileData(profileOf(torque())), 'input-1': '{"name":', 'input-2': '[1,2]' };
    expect(parseProfile(bent)?.features).toHaveLength(1);
    const uneven = profileData(profileOf(torque({ counts: [1, 2] })));
    expect(parseProfile(uneven)?.features).toEqual([]);
  });
});

describe('drift over the fleet', () => {
  it('adds up what devices told last, and names those that drift by themselves', () => {
    const store = temporaryStore();
    const { send, receive, ingest } = ingestOver(store);
    for (const device of ['mill-1', 'mill-2']) receive(topics.birth(device), birth(device));
    const tell = (device: string, seq: number, profile: InputProfile) =>
      send(
        device,
        'events',
        encodeBatch('events', EPOCH, [event(seq, { kind: INPUT_PROFILE_KIND, data: profileData(profile) })]),
      );
    tell('mill-1', 1, profileOf(torque({ counts: [400, 0, 0, 0] })));
    tell('mill-1', 2, profileOf(torque()));
    tell('mill-2', 1, profileOf(torque({ counts: [0, 0, 0, 400], sinceMs: 9000 })));
    ingest.flush();
    const [slot] = fleetDrift(store.profiles.newest(), () => 'milling 2');
    expect(slot).toMatchObject({ slot: 'machine-failure', model: 'milling 2', devices: 2 });
    const [feature] = slot?.features ?? [];
    expect(feature).toMatchObject({
      samples: 800,
      drifting: true,
      driftingDevices: ['mill-2'],
      sinceMs: 9000,
    });
    expect(feature?.shares[3]).toBeCloseTo(500 / 800, 2);
    expect(store.records.recentEvents(10)).toEqual([]);
  });

  it('judges each model by itself, and a small fleet-wide shift that no device can tell', () => {
    const shifted = [138, 112, 88, 62];
    const one = profileOf(torque({ counts: shifted }));
    const fleet = Array.from({ length: 12 }, (_, i) => ({
      device: `mill-${i}`,
      slot: 's',
      timeMs: i,
      profile: one,
    }));
    const other = { device: 'mill-x', slot: 's', timeMs: 99, profile: profileOf(torque(), CHALLENGER) };
    const views = fleetDrift([...fleet, other], () => undefined);
    expect(views.map(({ model, devices, newestMs }) => [model, devices, newestMs])).toEqual([
      [CHAMPION.slice(0, 12), 12, 11],
      [CHALLENGER.slice(0, 12), 1, 99],
    ]);
    expect(views[0]?.features[0]?.samples).toBe(4800);
    expect(views[0]?.features[0]?.psi).toBeGreaterThan(0.05);
    expect(views[1]?.features[0]?.drifting).toBe(false);
  });
});
