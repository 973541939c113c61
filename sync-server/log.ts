/** The server's log: pino, one JSON line an event on stdout, no payloads and no secrets. */
import { type DestinationStream, type Logger, pino } from 'pino';
import { SECRETS } from '../protocol/secret-fields.ts';

/** @param destination where the lines go; stdout when absent */
export function createLog(level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: { side: 'server' },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: SECRETS,
  };
  return destination ? pino(options, destination) : pino(options);
}
