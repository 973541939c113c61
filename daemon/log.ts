/** The log of a daemon: pino JSON lines on stdout, one event a line, no payloads and no secrets. */
import { type DestinationStream, type Logger, pino, stdSerializers } from 'pino';
import { CodedError, codeOf } from '../protocol/errors.ts';
import { SECRETS } from './secret-fields.ts';

/**
 * @param name who speaks, for example the device id
 * @param destination where the lines go; stdout when absent
 */
export function createLog(
  level: string,
  name: string,
  destination: DestinationStream = pino.destination({ fd: 1, sync: true }),
): Logger {
  return pino(
    {
      name,
      level,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: errorFields },
      redact: SECRETS,
    },
    destination,
  );
}

/** A coded error is an expected thing: what, why and what to do, without a stack. */
function errorFields(error: Error): object {
  if (!(error instanceof CodedError)) return stdSerializers.err(error);
  const { code, message, hint, cause } = error;
  return {
    code,
    message,
    hint,
    ...(cause instanceof Error ? { cause: `${codeOf(cause)}: ${cause.message}` } : {}),
  };
}
