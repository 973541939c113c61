import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../agent/clock.ts';
import type { SimulatedLineConfig } from '../../../agent/config/schema.ts';
import { injectionSchema } from '../../../agent/sources/injection.ts';
import { SimulatedLine } from '../../../agent/sources/simulated-line.ts';
import { RecordingSink } from './recording-sink.ts';

const config = {
  kind: 'simulated-line',
  ratePerS: 100,
  seed: 1,
  station: 'mill-1',
  eventDelayMs: 500,
  tagged: true,
  constantTags: { line: '1' },
  gate: null,
} as const;

let sink: RecordingSink;
const lines: SimulatedLine[] = [];

/** Timers and both clocks of the process are vitest's here. */
async function startLine(change: Partial<SimulatedLineConfig> = {}): Promise<SimulatedLine> {
  const line = new SimulatedLine('line', { ...config, ...change }, { clock: systemClock });
  lines.push(line);
  await line.start(sink);
  return line;
}

const values = (feature: string, from = 0) => sink.samples.slice(from).map((s) => s.features[feature]);

beforeEach(() => {
  vi.useFakeTimers();
  sink = new RecordingSink();
});
afterEach(async () => {
  await Promise.all(lines.splice(0).map((line) => line.stop()));
  vi.useRealTimers();
});

describe('the simulated line', () => {
  it.each([0.5, 3, 100, 1000, 25_000])('makes %s parts a second exactly', async (ratePerS) => {
    await startLine({ ratePerS });
    vi.advanceTimersByTime(4000);
    expect(sink.samples.length).toBe(4 * ratePerS);
  });

  it('makes up for a short hold-up of the process, and says how many parts a long one cost', async () => {
    let us = 0;
    const clock = { wallMs: () => 0, monotonicUs: () => us };
    const line = new SimulatedLine('line', config, { clock });
    lines.push(line);
    await line.start(sink);
    const holdUpMs = (ms: number) => {
      us += ms * 1000;
      vi.advanceTimersByTime(10);
    };
    holdUpMs(900);
    expect(sink.samples.length).toBe(90);
    expect(sink.refusals).toEqual([]);
    holdUpMs(60_000);
    expect(sink.samples.length).toBe(190);
    expect(sink.refusals).toEqual([
      { code: 'SAMPLE_DROPPED', message: expect.stringContaining('5900 parts') },
    ]);
    holdUpMs(100);
    expect(sink.samples.length).toBe(200);
  });

  it('delivers the features and ids of the published data set', async () => {
    await startLine();
    vi.advanceTimersByTime(1000);
    expect(Object.keys(sink.samples[0]?.features ?? {})).toEqual([
      'type',
      'air_temperature_k',
      'process_temperature_k',
      'rotational_speed_rpm',
      'torque_nm',
      'tool_wear_min',
    ]);
    for (const sample of sink.samples) {
      expect(sample.correlationId).toMatch(new RegExp(`^${sample.features.type}\\d{5}-[0-9a-z]+$`));
      expect(sample.position).toBeUndefined();
    }
  });

  it('never gives an id twice, also over restarts', async () => {
    for (let i = 0; i < 5; i++) {
      const line = await startLine();
      vi.advanceTimersByTime(1000);
      await line.stop();
    }
    const ids = sink.samples.map((sample) => sample.correlationId);
    expect(ids).toHaveLength(500);
    expect(new Set(ids).size).toBe(500);
  });

  it('sends one verdict of the line about each part, after the delay', async () => {
    await startLine({ ratePerS: 1000 });
    vi.advanceTimersByTime(490);
    expect(sink.events).toEqual([]);
    vi.advanceTimersByTime(19_510);
    const verdicts = sink.events.filter(({ kind }) => kind !== 'part-reworked');
    expect(verdicts.map((event) => event.correlationId)).toEqual(
      sink.samples.slice(0, verdicts.length).map((sample) => sample.correlationId),
    );
    expect(verdicts.length).toBe(19_500);
    const failed = new Set(
      verdicts.filter(({ kind }) => kind === 'machine-failed').map((event) => event.correlationId),
    );
    expect(failed.size / verdicts.length).toBeGreaterThan(0.01);
    expect(failed.size / verdicts.length).toBeLessThan(0.07);
    const reworked = sink.events.filter(({ kind }) => kind === 'part-reworked');
    expect(reworked.length).toBeGreaterThan(0);
    expect(reworked.every((event) => failed.has(event.correlationId))).toBe(true);
    expect(sink.events.every((event) => event.station === 'mill-1')).toBe(true);
  });

  it('shifts a drifting feature step by step and keeps it there until cleared', async () => {
    const line = await startLine({ ratePerS: 1000 });
    line.inject({ kind: 'drift', feature: 'air_temperature_k', shift: 40, overSamples: 1000 });
    vi.advanceTimersByTime(2000);
    const air = values('air_temperature_k') as number[];
    expect(air[0]).toBeLessThan(308);
    expect(air[499]).toBeGreaterThan(312);
    expect(air[499]).toBeLessThan(328);
    expect(Math.min(...air.slice(1000))).toBeGreaterThan(333);
    line.inject({ kind: 'clear' });
    vi.advanceTimersByTime(1000);
    expect(Math.max(...(values('air_temperature_k', 2000) as number[]))).toBeLessThan(308);
  });

  it.each([
    ['stuck', (torques: unknown[]) => new Set(torques).size === 1],
    ['missing', (torques: unknown[]) => torques.every((torque) => torque === null)],
    ['noise', (torques: unknown[]) => torques.some((torque) => (torque as number) < 0)],
  ] as const)('reports a sensor that is %s, and only that one', async (fault, holds) => {
    const line = await startLine();
    vi.advanceTimersByTime(1000);
    expect(holds(values('torque_nm'))).toBe(false);
    line.inject({ kind: 'sensor-fault', feature: 'torque_nm', fault });
    vi.advanceTimersByTime(2000);
    expect(holds(values('torque_nm', 100))).toBe(true);
    expect(new Set(values('rotational_speed_rpm', 100)).size).toBeGreaterThan(50);
  });

  it('sends the outstanding verdicts when it is stopped, and nothing after', async () => {
    const line = await startLine();
    vi.advanceTimersByTime(1000);
    await line.stop();
    expect(sink.events.filter(({ kind }) => kind !== 'part-reworked')).toHaveLength(100);
    const before = [sink.samples.length, sink.events.length];
    vi.advanceTimersByTime(5000);
    expect([sink.samples.length, sink.events.length]).toEqual(before);
  });
});

describe('an injection', () => {
  it.each([
    { kind: 'drift', feature: 'type', shift: 1 },
    { kind: 'drift', feature: 'torque_nm', shift: Number.NaN },
    { kind: 'drift', feature: 'torque_nm', shift: 1, overSamples: 0 },
    { kind: 'sensor-fault', feature: 'torque_nm', fault: 'loud' },
    { kind: 'explode' },
  ])('is refused when it makes no sense: %j', (body) => {
    expect(injectionSchema.safeParse(body).success).toBe(false);
  });
});

describe('the gate of the simulated line', () => {
  it('takes off what is rejected, so that nothing more is heard of it, and lets through what goes on by chance', async () => {
    const line = await startLine({ gate: { rejects: ['failure'] } });
    vi.advanceTimersByTime(1000);
    const [taken, explored, passed] = sink.samples.slice(-3).map(({ correlationId }) => correlationId);
    line.decided([
      { slot: 's', correlationId: taken ?? '', label: 'failure', explored: false },
      { slot: 's', correlationId: explored ?? '', label: 'failure', explored: true },
      { slot: 's', correlationId: passed ?? '', label: 'ok', explored: false },
    ]);
    vi.advanceTimersByTime(1000);
    const kindsOf = (part: string | null | undefined) =>
      sink.events.filter(({ correlationId }) => correlationId === part).map(({ kind }) => kind);
    expect(kindsOf(taken)).toEqual(['reject-gate-fired']);
    for (const part of [explored, passed]) {
      expect(kindsOf(part)[0]).toMatch(/^(machine-failed|passed-downstream)$/);
    }
  });

  it('is not there unless the config asks for it', async () => {
    const line = await startLine();
    vi.advanceTimersByTime(1000);
    const correlationId = sink.samples.at(-1)?.correlationId ?? null;
    line.decided([{ slot: 's', correlationId, label: 'failure', explored: false }]);
    vi.advanceTimersByTime(1000);
    expect(sink.events.map(({ kind }) => kind)).not.toContain('reject-gate-fired');
  });
});

describe('the tags of the simulated line', () => {
  it('give slices to look at: four kinds beside the constant ones, each in few objects', async () => {
    await startLine({ ratePerS: 1000 });
    vi.advanceTimersByTime(4000);
    const tags = new Set(sink.samples.map(({ tags: own }) => own));
    expect(tags.size).toBeLessThan(150);
    const kinds = (key: string) => new Set([...tags].map((own) => own?.[key])).size;
    expect(['shift', 'operator', 'product', 'supplier', 'line'].map(kinds)).toEqual([3, 5, 3, 3, 1]);
    expect([...tags][0]?.['source-version']).toBe('ai4i-2020');
  });

  it('are left out where they are not wanted', async () => {
    await startLine({ tagged: false });
    vi.advanceTimersByTime(100);
    expect(sink.samples[0]?.tags).toBeUndefined();
  });
});
