/** The pure parts of both pages: what stays in view, and the sentences. Needs no browser. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PredictionView } from '../../agent/http/view.ts';
import { cacheWords } from '../../agent/status-page/cache-words.ts';
import { linkWords, storeWords } from '../../agent/status-page/device-words.ts';
import {
  attentionReason,
  KEPT_ATTENTION,
  KEPT_LATEST,
  keepPredictions,
} from '../../agent/status-page/kept-predictions.ts';
import { followWords, safeUrl } from '../../sync-server/console/device-words.ts';
import { fleetHeadline } from '../../sync-server/console/fleet-headline.ts';
import type { FleetView } from '../../sync-server/views/fleet.ts';
import { formatAge, formatBytes, formatScore } from '../../web/format.ts';
import { refusedRows } from '../../web/refused-words.ts';
import { advancingFleet, emptyFleet, rolledBackFleet, twelveDevices } from './fixtures/fleet-views.ts';
import { NOW_MS } from './fixtures/status-slots.ts';
import { healthy, hotMachine, offline } from './fixtures/status-views.ts';

const LABELS = ['ok', 'failure'];

const anyPrediction = fc.record<PredictionView>({
  id: fc.integer({ min: 1, max: 60 }).map((seq) => `9f3ac01e-${seq}`),
  timeMs: fc.integer({ min: 0, max: 10_000 }),
  correlationId: fc.constant(null),
  role: fc.constant('champion'),
  label: fc.constantFrom(...LABELS),
  score: fc.double({ min: 0, max: 1, noNaN: true }),
  unit: fc.constant(null),
  raised: fc.constant(false),
  health: fc.constantFrom(0, 0, 0, 1, 16),
  explored: fc.constant(false),
  truth: fc.constant(null),
});
const prediction = anyPrediction.map((each) => ({ ...each, raised: each.label === 'failure' }));
const recent = fc.uniqueArray(prediction, { selector: ({ id }) => id, maxLength: 20 });
const nothing = { attention: [], latest: [] };

describe('the predictions kept in view', () => {
  it('show no prediction twice, never more than fit, and all that need an eye above the rest', () => {
    fc.assert(
      fc.property(recent, recent, (first, second) => {
        const kept = keepPredictions(keepPredictions(nothing, first, LABELS, false), second, LABELS, false);
        const ids = [...kept.attention, ...kept.latest].map(({ id }) => id);
        expect(new Set(ids).size).toBe(ids.length);
        expect(kept.attention.length).toBeLessThanOrEqual(KEPT_ATTENTION);
        expect(kept.latest.length).toBeLessThanOrEqual(KEPT_LATEST);
        for (const each of kept.attention) expect(attentionReason(each, LABELS)).toBeDefined();
      }),
    );
  });

  it('keep their places while held, but learn the truth', () => {
    fc.assert(
      fc.property(recent, (first) => {
        const before = keepPredictions(nothing, first, LABELS, false);
        const learned = first.map(
          (each): PredictionView => ({
            ...each,
            truth: { label: 'ok', kind: 'explicit', evidence: 'operator' },
          }),
        );
        const held = keepPredictions(before, learned, LABELS, true);
        expect(held.latest.map(({ id }) => id)).toEqual(before.latest.map(({ id }) => id));
        expect(held.attention.map(({ id }) => id)).toEqual(before.attention.map(({ id }) => id));
        expect([...held.latest, ...held.attention].every(({ truth }) => truth !== null)).toBe(true);
      }),
    );
  });

  it('let go of what a person has answered', () => {
    const [raised] = healthy.slots[0]?.recent.filter(({ label }) => label === 'failure') ?? [];
    if (!raised) throw new Error('the fixture raises nothing');
    expect(attentionReason(raised, LABELS)).toBe('the model raises it');
    const answered: PredictionView = { ...raised, truth: { label: 'ok', kind: 'explicit', evidence: '' } };
    expect(attentionReason(answered, LABELS)).toBeUndefined();
  });

  it('keep showing a raised part when the line has agreed, and what it contradicts before newer raised ones', () => {
    const truthOf = (label: string) => ({ label, kind: 'implicit' as const, evidence: 'machine-failed' });
    const row = (seq: number, over: Partial<PredictionView>): PredictionView => ({
      id: `9f3ac01e-${seq}`,
      timeMs: seq,
      correlationId: null,
      role: 'champion',
      label: 'failure',
      score: 0.9,
      unit: null,
      raised: over.label !== 'ok',
      health: 0,
      explored: false,
      truth: truthOf('failure'),
      ...over,
    });
    const raised = Array.from({ length: 8 }, (_, i) => row(100 - i, {}));
    const missed = row(5, { label: 'ok' });
    const { attention } = keepPredictions(nothing, [...raised, missed], LABELS, false);
    expect(attention).toHaveLength(KEPT_ATTENTION);
    expect(attention.at(-1)).toBe(missed);
    expect(attention[0]).toBe(raised[0]);
  });

  it('do not call each part notable because an input drifts', () => {
    const [calm] = healthy.slots[0]?.recent.filter(({ label }) => label === 'ok') ?? [];
    if (!calm) throw new Error('the fixture has no calm part');
    expect(attentionReason({ ...calm, truth: null, health: 16 }, LABELS)).toBeUndefined();
    expect(attentionReason({ ...calm, truth: null, health: 1 }, LABELS)).toBe('an input is missing');
  });
});

describe('the score of a prediction', () => {
  it('has three digits as a probability, and its unit as a measured value', () => {
    const words = (score: number, unit: string | null) => formatScore({ score, unit }).replace(',', '.');
    expect(words(0.8423, null)).toBe('0.842');
    expect(words(4.21375, 'mm/s')).toBe('4.214 mm/s');
    expect(words(12.5, '')).toBe('12.5');
  });
});

describe('the sentences of the status page', () => {
  it('count what waits while offline, one and many', () => {
    const one = { ...offline.link, backlog: { predictions: 1, feedback: 0, metrics: 0, events: 0 } };
    expect(linkWords(one, NOW_MS).sentence).toMatch(/1 record waits safely on this device\.$/);
    expect(linkWords(offline.link, NOW_MS).sentence).toMatch(/records wait safely on this device\.$/);
  });

  it('say what waits for the byte budget of tomorrow', () => {
    const heldBack = "today's byte budget for records is spent; goes on in 4 hours at most";
    const backlog = { predictions: 1, feedback: 0, metrics: 0, events: 0 };
    const link = { ...offline.link, connected: true, backlog, heldBack };
    expect(linkWords(link, NOW_MS)).toMatchObject({
      word: 'Saving data',
      sentence: expect.stringMatching(/1 record waits: today's byte .* 4 hours at most\. Events still go\.$/),
    });
  });

  it('call a device without a server no fault', () => {
    expect(linkWords({ ...offline.link, configured: false }, NOW_MS).state).toBe('idle');
  });

  it('never hide dropped records behind a store with room', () => {
    expect(storeWords({ ...healthy.store, dropped: 3 }).state).toBe('warning');
  });

  it('say that what was thinned out still counts', () => {
    const { sentence } = storeWords({ ...healthy.store, dropped: 3, thinned: 3 });
    expect(sentence).toMatch(/had to go\. They were thinned out fairly: those kept count for them/);
    expect(storeWords({ ...healthy.store, dropped: 3, thinned: 1 }).sentence).toContain(
      '1 prediction of them was thinned out',
    );
  });
});

describe('the words of a cache', () => {
  const caches = hotMachine.slots.map(({ cache }) => cache);
  const cacheOf = (hurts: boolean) => {
    const cache = caches.find((each) => each?.hurts === hurts);
    if (!cache) throw new Error(`the fixture has no cache that ${hurts ? 'hurts' : 'helps'}`);
    return cache;
  };

  it('say how often an input came again and what room is used, and ask for nothing while it helps', () => {
    const { found, advice } = cacheWords(cacheOf(false));
    expect(found.replaceAll(',', '.')).toMatch(/^Cache: 62\.1\s?% of inputs seen before\. 12 MB of 17 MB$/);
    expect(advice).toBeNull();
  });

  it('say why it hurts, and what to do', () => {
    const { advice } = cacheWords(cacheOf(true));
    expect(advice).toMatch(/^Too few inputs come twice/);
    expect(advice).toMatch(/Take the cache out of this slot in device\.config\.json\.$/);
  });

  it('make no share of nothing before the first input', () => {
    const { found } = cacheWords({ ...cacheOf(false), hits: 0, misses: 0, bytes: 0 });
    expect(found).toMatch(/^Cache: no input yet, 0 B of/);
  });
});

describe('the board of the fleet', () => {
  it('asks for the first device when there is none', () => {
    expect(fleetHeadline(emptyFleet, NOW_MS).next).toMatch(/Start an agent/);
  });

  it('names the device that is offline', () => {
    const headline = fleetHeadline(twelveDevices, NOW_MS);
    expect(headline).toMatchObject({ state: 'warning', text: '12 devices, 11 online.' });
    expect(headline.next).toMatch(/^mill-05 keeps working/);
  });

  it('shows a rollback for a quarter of an hour, then rests', () => {
    expect(fleetHeadline(rolledBackFleet, NOW_MS).state).toBe('warning');
    expect(fleetHeadline(rolledBackFleet, NOW_MS + 20 * 60_000).state).toBe('ok');
  });

  it('rests when a newer event ends an alarm', () => {
    const silence = { device: 'mill-01', kind: 'silence', slot: null, timeMs: NOW_MS - 9000 };
    const alarm = { ...silence, severity: 'alarm' as const, message: 'No samples.' };
    const over = { ...silence, timeMs: NOW_MS - 1000, severity: 'info' as const, message: 'Samples again.' };
    expect(fleetHeadline({ ...advancingFleet, events: [alarm] }, NOW_MS).state).toBe('alarm');
    expect(fleetHeadline({ ...advancingFleet, events: [over, alarm] }, NOW_MS).state).toBe('ok');
  });

  it('says what a device reports to be wrong, once, for as long as it does', () => {
    const [device] = advancingFleet.devices;
    if (!device?.reported) throw new Error('the fixture has no reporting device');
    const words = { text: 'The disk is nearly full.', next: 'Free space on it.' };
    const full = {
      id: 'a',
      code: 'disk-short',
      slot: null,
      severity: 'warning' as const,
      ...words,
      sinceMs: 1,
    };
    const note = { device: device.id, kind: 'disk-short', slot: null, timeMs: NOW_MS, message: words.text };
    const events = [{ ...note, severity: 'warning' as const }];
    const fleetWith = (severity: 'warning' | 'alarm', online = true) => {
      const reported = device.reported && { ...device.reported, alarms: [{ ...full, severity }] };
      return { ...advancingFleet, devices: [{ ...device, online, reported }], events };
    };
    const text = `${device.id}: The disk is nearly full.`;
    expect(fleetHeadline(fleetWith('warning'), NOW_MS)).toEqual({ state: 'warning', text, next: words.next });
    expect(fleetHeadline(fleetWith('alarm'), NOW_MS + 24 * 3_600_000)).toMatchObject({
      state: 'alarm',
      text,
    });
    expect(fleetHeadline(fleetWith('alarm', false), NOW_MS).text).toBe('1 device, 0 online.');
  });

  it('rests over a rollback once something newer is rolled out in its slot', () => {
    const [stopped] = rolledBackFleet.rollouts;
    if (!stopped) throw new Error('the fixture has no rollout');
    const newer = { ...stopped, id: 'newer', to: 'newer 9', state: 'done' as const, startedAtMs: NOW_MS };
    expect(fleetHeadline({ ...rolledBackFleet, events: [], rollouts: [newer, stopped] }, NOW_MS).state).toBe(
      'ok',
    );
  });

  it('shows a drifting input until that device says that it looks as before', () => {
    const drift = { device: 'mill-01', kind: 'drift', slot: 'machine-failure' };
    const torque = {
      ...drift,
      timeMs: NOW_MS - 9000,
      severity: 'warning' as const,
      message: 'torque drifts.',
    };
    const speed = { ...torque, timeMs: NOW_MS - 8000, message: 'speed drifts.' };
    const calm = { ...drift, timeMs: NOW_MS - 1000, severity: 'info' as const, message: 'calm again.' };
    const board = (...events: FleetView['events']) => fleetHeadline({ ...advancingFleet, events }, NOW_MS);
    expect(board(speed, torque)).toMatchObject({ state: 'warning', text: 'mill-01: speed drifts.' });
    expect(board(calm, speed, torque).state).toBe('warning');
    expect(board(calm, calm, speed, torque).state).toBe('ok');
  });

  it('counts what else is wrong', () => {
    const drift = { device: 'mill-01', kind: 'drift', slot: 's', timeMs: NOW_MS, message: 'x drifts.' };
    const events = [{ ...drift, severity: 'warning' as const }];
    const rollouts = rolledBackFleet.rollouts;
    const board = fleetHeadline({ ...advancingFleet, rollouts, events }, NOW_MS);
    expect(board.next).toMatch(/And 1 more thing needs a look\.$/);
  });

  it('raises an alarm over a slot that no model serves', () => {
    const [device] = advancingFleet.devices;
    if (!device?.reported) throw new Error('the fixture has no reporting device');
    const slots = { 'machine-failure': { champion: null, challenger: null, install: null } };
    const bare = { ...device, reported: { ...device.reported, slots } };
    expect(fleetHeadline({ ...advancingFleet, devices: [bare] }, NOW_MS).state).toBe('alarm');
  });
});

describe('small words', () => {
  it('say how many orders a device is behind', () => {
    const offlineDevice = twelveDevices.devices.find(({ id }) => id === 'mill-05');
    if (!offlineDevice) throw new Error('the fixture has no mill-05');
    expect(followWords(offlineDevice)).toEqual({ state: 'warning', words: '2 orders behind' });
  });

  it('refuse a link that is no web address', () => {
    expect(safeUrl('javascript:alert(1)')).toBeUndefined();
    expect(safeUrl('http://127.0.0.1:8080/')).toBe('http://127.0.0.1:8080/');
  });

  it('leave counters that are no error out of what was refused', () => {
    expect(refusedRows({ 'source.samples': 9, SAMPLE_INVALID: 2, SAMPLE_DROPPED: 0 })).toMatchObject([
      { code: 'SAMPLE_INVALID', count: 2 },
    ]);
  });

  it('give ages and sizes their units', () => {
    expect([formatAge(0, 2000), formatAge(0, 12_000), formatAge(0, 240_000)]).toEqual([
      'just now',
      '12 s ago',
      '4 min ago',
    ]);
    expect([formatBytes(812), formatBytes(1_400_000)]).toEqual(['812 B', '1.4 MB']);
  });
});
