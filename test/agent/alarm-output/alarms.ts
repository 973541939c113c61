/** Alarm outputs over a real store, and changes to give them. */
import { pino } from 'pino';
import { AlarmOutputs } from '../../../agent/alarm-output/alarm-outputs.ts';
import { type Clock, systemClock } from '../../../agent/clock.ts';
import { alarmsSchema } from '../../../agent/config/alarms.ts';
import type { AlarmChange } from '../../../agent/monitor/alarm-board.ts';
import type { Store } from '../../../agent/store/store.ts';
import { Counters } from '../../../daemon/counters.ts';

export const raisedNow: AlarmChange[] = [];

export function outputsTo(output: object, store: Store, clock: Clock = systemClock) {
  const counters = new Counters();
  const outputs = new AlarmOutputs({
    config: alarmsSchema.parse({ outputs: [output] }),
    device: 'mill-1',
    raised: () => raisedNow,
    states: store.states,
    retryMs: { first: 10, max: 50 },
    clock,
    counters,
    log: pino({ level: 'silent' }),
  });
  return { outputs, counters };
}

/** @param n tells one alarm from another */
export function change(n: number, state: AlarmChange['state'] = 'raised'): AlarmChange {
  return {
    id: `${state}-${n}`,
    state,
    timeMs: 1_790_000_000_000 + n,
    alarm: {
      id: `alarm-${n}`,
      code: 'no-samples',
      slot: 'milling',
      severity: 'alarm',
      text: `No usable samples for milling for ${n} s.`,
      next: 'Check that mill-1 is powered.',
      sinceMs: 1_790_000_000_000 + n,
    },
  };
}
