import { describe, expect, it } from 'vitest';
import { SourceVersions } from '../../../agent/monitor/source-versions.ts';
import type { NewEvent } from '../../../agent/store/records.ts';
import { Counters } from '../../../daemon/counters.ts';
import { MemoryStates } from '../sync/memory-store.ts';

describe('the version of a source', () => {
  const version = (value: string) => ({ 'source-version': value });

  function watch(states = new MemoryStates()) {
    const told: NewEvent[] = [];
    const clock = { nowMs: 1_000_000, wallMs: () => clock.nowMs };
    const versions = new SourceVersions({
      states,
      tell: (event) => told.push(event),
      counters: new Counters(),
      clock,
    });
    return { versions, told, clock, states };
  }

  it('is told of when it changes, not when it is first seen', () => {
    const { versions, told } = watch();
    for (const value of ['1.0', '1.0', '1.1', '1.1']) versions.look('line', version(value));
    expect(told).toMatchObject([
      { kind: 'source-changed', severity: 'warning', data: { source: 'line', from: '1.0', to: '1.1' } },
    ]);
  });

  it('is remembered over a restart', () => {
    const before = watch();
    before.versions.look('line', version('1.0'));
    const after = watch(before.states);
    after.versions.look('line', version('2.0'));
    expect(after.told).toHaveLength(1);
  });

  it('is told of once a minute where two versions come by turns', () => {
    const { versions, told, clock } = watch();
    for (let i = 0; i < 100; i++) versions.look('line', version(`${i % 2}`));
    expect(told).toHaveLength(1);
    clock.nowMs += 60_000;
    versions.look('line', version('0'));
    versions.look('line', version('1'));
    expect(told).toHaveLength(2);
  });
});
