/** The server's log: pino, one JSON line an event on stdout, no payloads and no secrets. */
import { type Logger, pino } from 'pino';

export function createLog(level: string): Logger {
  return pino({ level, base: { side: 'server' }, timestamp: pino.stdTimeFunctions.isoTime });
}
