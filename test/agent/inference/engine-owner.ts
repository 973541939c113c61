/** A parent that starts an engine, says its process id and lives until it is killed. */
import { pino } from 'pino';
import { systemClock } from '../../../agent/clock.ts';
import { EngineProcess } from '../../../agent/inference/engine-client.ts';
import { Counters } from '../../../daemon/counters.ts';

const engine = new EngineProcess({
  threads: 1,
  timeoutMs: 5000,
  log: pino({ level: 'silent' }),
  clock: systemClock,
  counters: new Counters(),
});
await engine.start();
console.log(JSON.stringify({ engine: engine.pid }));
setInterval(() => undefined, 1000);
