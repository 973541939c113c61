import { describe, expect, it } from 'vitest';
import { AlarmBoard, type AlarmChange } from '../../../agent/monitor/alarm-board.ts';
import type { AlarmCause } from '../../../agent/monitor/alarm-cause.ts';
import type { NewEvent } from '../../../agent/store/records.ts';
import { TestClock } from '../store/temp-store.ts';

const words = { text: 'It is hot.', next: 'Cool it.' };
const hot: AlarmCause = { code: 'hot', slot: null, severity: 'warning', ...words };
const noSamples: AlarmCause = { code: 'no-samples', slot: 'milling', severity: 'alarm', ...words };
const engineDown: AlarmCause = { code: 'engine-down', slot: null, severity: 'alarm', ...words };

/** A board over causes that the test changes, and what it told. */
function boardOver(states = new Map<string, unknown>()) {
  const clock = new TestClock();
  const told: NewEvent[] = [];
  const changes: AlarmChange[] = [];
  const errors: unknown[] = [];
  const now: { causes: AlarmCause[]; recording: boolean } = { causes: [], recording: true };
  const board = new AlarmBoard({
    causes: () => now.causes,
    states: { get: (key) => states.get(key), set: (key, value) => void states.set(key, value) },
    tell: (event) => told.push(event),
    recording: () => now.recording,
    onError: (error) => errors.push(error),
    clock,
  });
  board.onChange((change) => changes.push(change));
  const checkAfter = (ms: number, causes: AlarmCause[]) => {
    now.causes = causes;
    clock.advance(ms);
    board.check();
    return board.raised().map(({ code }) => code);
  };
  return { board, told, changes, states, now, checkAfter };
}

describe('the alarms of a device', () => {
  it('are told once when they are raised, and once when they are cleared, under one kind', () => {
    const { checkAfter, told, changes } = boardOver();
    checkAfter(1000, [noSamples]);
    checkAfter(1000, [{ ...noSamples, text: 'It is still hot.' }]);
    checkAfter(1000, []);
    checkAfter(3000, []);
    checkAfter(3000, []);
    expect(told.map(({ kind, severity, slot, data }) => [kind, severity, slot, data.state])).toEqual([
      ['no-samples', 'alarm', 'milling', 'raised'],
      ['no-samples', 'info', 'milling', 'cleared'],
    ]);
    expect(new Set(changes.map(({ alarm }) => alarm.id)).size).toBe(1);
    expect(new Set(changes.map(({ id }) => id)).size).toBe(2);
  });

  it('show the newest words, the worst and oldest first', () => {
    const { board, checkAfter } = boardOver();
    checkAfter(1000, [hot]);
    checkAfter(1000, [hot, noSamples]);
    checkAfter(1000, [{ ...hot, text: 'It is 91 °C hot.' }, noSamples]);
    expect(board.raised().map(({ code, text }) => [code, text])).toEqual([
      ['no-samples', 'It is hot.'],
      ['hot', 'It is 91 °C hot.'],
    ]);
  });

  it('show what the device does not do above what may be the reason, whichever came first', () => {
    const { checkAfter } = boardOver();
    const diskShort: AlarmCause = { ...hot, code: 'disk-short', severity: 'alarm' };
    const notRecording: AlarmCause = { ...hot, code: 'not-recording', severity: 'alarm' };
    checkAfter(1000, [diskShort]);
    expect(checkAfter(1000, [diskShort, notRecording, hot])).toEqual(['not-recording', 'disk-short', 'hot']);
  });

  it('stay raised while their cause comes and goes', () => {
    const { checkAfter, told } = boardOver();
    for (let i = 0; i < 20; i += 1) checkAfter(1000, i % 3 === 0 ? [hot] : []);
    expect(told).toHaveLength(1);
  });

  it('are told again, as the same alarm, when they get worse', () => {
    const { checkAfter, changes } = boardOver();
    checkAfter(1000, [hot]);
    checkAfter(1000, [{ ...hot, severity: 'alarm' }]);
    expect(changes.map(({ state, alarm }) => [state, alarm.severity])).toEqual([
      ['raised', 'warning'],
      ['raised', 'alarm'],
    ]);
    expect(changes[0]?.alarm.id).toBe(changes[1]?.alarm.id);
  });

  it('are not raised over an engine that is back at once', () => {
    const { checkAfter } = boardOver();
    expect(checkAfter(1000, [engineDown])).toEqual([]);
    expect(checkAfter(1000, [])).toEqual([]);
    expect(checkAfter(1000, [engineDown])).toEqual([]);
    expect(checkAfter(3000, [engineDown])).toEqual(['engine-down']);
  });

  it('are the same ones after a restart, and get a minute to be found again', () => {
    const before = boardOver();
    before.checkAfter(1000, [noSamples, hot]);
    const ids = before.board.raised().map(({ id }) => id);
    const after = boardOver(before.states);
    expect(after.board.raised().map(({ id }) => id)).toEqual(ids);
    after.checkAfter(20_000, [noSamples]);
    expect(after.checkAfter(30_000, [noSamples])).toEqual(['no-samples', 'hot']);
    expect(after.checkAfter(20_000, [noSamples])).toEqual(['no-samples']);
    expect(after.told.map(({ kind, data }) => [kind, data.state])).toEqual([['hot', 'cleared']]);
  });

  it('are told at once to whoever listens, and to the store when it takes something again', () => {
    const { checkAfter, told, changes, states, now } = boardOver();
    now.recording = false;
    checkAfter(1000, [hot]);
    expect([changes.length, told.length, states.size]).toEqual([1, 0, 0]);
    now.recording = true;
    checkAfter(1000, [hot]);
    expect([changes.length, told.length, states.size]).toEqual([1, 1, 1]);
  });

  it('that come and go for months on a full disk wait in bounded memory; the oldest are left to the store to refuse', () => {
    const { checkAfter, told, changes, now } = boardOver();
    now.recording = false;
    for (let i = 0; i < 600; i++) {
      checkAfter(1000, [hot]);
      checkAfter(1000, []);
      checkAfter(3000, []);
    }
    expect([changes.length, told.length]).toEqual([1200, 200]);
    now.recording = true;
    checkAfter(1000, []);
    expect(told.map(({ data }) => data.state)).toEqual(changes.map(({ state }) => state));
  });

  it('begin anew where what was kept cannot be read', () => {
    const states = new Map<string, unknown>([['alarms/raised', [{ code: 7 }]]]);
    expect(boardOver(states).board.raised()).toEqual([]);
  });
});
