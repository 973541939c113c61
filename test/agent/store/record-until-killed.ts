/** A process that records until it is killed: prints the highest seq that the store reported as recorded. */
import { writeSync } from 'node:fs';
import { pino } from 'pino';
import { systemClock } from '../../../agent/clock.ts';
import { openStore } from '../../../agent/store/open-store.ts';
import { Counters } from '../../../daemon/counters.ts';

const store = openStore({
  folder: process.argv[2] ?? '',
  maxBytes: 64 * 1024 * 1024,
  commitWithinMs: 2,
  clock: systemClock,
  log: pino({ level: 'silent' }),
  counters: new Counters(),
});

async function recordForEver(slot: string): Promise<never> {
  for (let position = 1; ; position += 5) {
    const predictions = Array.from({ length: 5 }, (_, i) => ({
      timeMs: Date.now(),
      slot,
      model: 'a'.repeat(64),
      role: 'champion' as const,
      correlationId: `L${position + i}`,
      label: 0,
      score: 0.5,
      latencyUs: 1,
      health: 0,
      features: null,
      shadow: null,
    }));
    const recorded = await store.recorder.predictions({
      slot,
      source: 'line',
      position: position + 4,
      predictions,
    });
    writeSync(1, `${recorded.at(-1)?.seq} ${slot} ${position + 4}\n`);
  }
}

await Promise.all(['a', 'b', 'c'].map(recordForEver));
