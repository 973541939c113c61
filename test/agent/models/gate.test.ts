import { describe, expect, it } from 'vitest';
import { Gate } from '../../../agent/models/gate.ts';
import type { WeeklyWindow } from '../../../protocol/weekly-window.ts';

const MINUTE_MS = 60_000;
const night: WeeklyWindow = { days: ['mon', 'fri'], from: '22:00', to: '05:00' };
const at = (text: string) => Date.parse(text);

describe('the gate of a slot', () => {
  const gate = new Gate({ windows: [night], timeZone: 'Europe/Berlin' });
  const noonMs = at('2026-11-24T12:00+01:00');

  it('says in words when the window opens', () => {
    expect(gate.waiting(null, noonMs)).toEqual({
      for: 'window',
      words: 'the maintenance window opens Fri 22:00',
    });
    expect(gate.waiting(null, at('2026-11-27T23:00+01:00'))).toBeNull();
  });

  it('puts an operator’s hold before the window, until it ends', () => {
    const hold = { reason: 'batch 4711 runs', sinceMs: noonMs, untilMs: noonMs + 60 * MINUTE_MS };
    expect(gate.waiting(hold, noonMs)).toEqual({
      for: 'hold',
      words: 'held by an operator until Tue 13:00: batch 4711 runs',
    });
    expect(gate.waiting(hold, noonMs + 60 * MINUTE_MS)?.for).toBe('window');
    const anyTime = new Gate({ windows: [] });
    expect(anyTime.waiting({ ...hold, untilMs: null }, noonMs)?.words).toBe(
      'held by an operator: batch 4711 runs',
    );
    expect(anyTime.waiting(hold, noonMs + 60 * MINUTE_MS)).toBeNull();
  });
});
