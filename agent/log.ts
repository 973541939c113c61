/** The agent's log: pino JSON lines on stdout, one event a line, no secrets. */
import { type DestinationStream, type Logger, pino } from 'pino';
import type { DeviceConfig } from './config/schema.ts';

const SECRET_FIELDS = [
  'password',
  'passphrase',
  'secret',
  'token',
  'apiKey',
  'privateKey',
  'authorization',
  'cookie',
];

/**
 * @param name who speaks, for example the device id
 * @param destination where the lines go; stdout when absent
 */
export function createLogger(
  level: DeviceConfig['log']['level'],
  name: string,
  destination: DestinationStream = pino.destination({ fd: 1, sync: true }),
): Logger {
  return pino(
    {
      name,
      level,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]),
        censor: '[redacted]',
      },
    },
    destination,
  );
}
