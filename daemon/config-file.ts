/** A daemon's configuration file as it stands on the disk: JSON, or a sentence that says where it is broken. */
import { readFileSync } from 'node:fs';
import { CodedError } from '../protocol/errors.ts';
import { jsonErrorPlace } from './json-place.ts';

/**
 * @param options.missing what to do where there is no such file
 * @throws CodedError CONFIG_UNREADABLE (no file, not JSON)
 */
export function readConfigFile(file: string, { missing }: { missing: string }): unknown {
  const text = readText(file, missing);
  try {
    return JSON.parse(text);
  } catch (cause) {
    const place = jsonErrorPlace(text);
    const where = place ? `line ${place.line}, column ${place.column}` : 'an unknown place';
    throw new CodedError('CONFIG_UNREADABLE', `${file} is not JSON at ${where}`, {
      hint: 'Look there for a missing or trailing comma, a missing quote, or a comment.',
      cause,
    });
  }
}

/** Deeply frozen, in place: nothing changes a configuration while the daemon runs. */
export function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    for (const child of Object.values(value)) frozen(child);
    Object.freeze(value);
  }
  return value;
}

/** Some editors begin a file with a byte order mark. */
function readText(file: string, missing: string): string {
  try {
    return readFileSync(file, 'utf8').replace(/^\uFEFF/, '');
  } catch (cause) {
    throw new CodedError('CONFIG_UNREADABLE', `cannot read ${file}: ${(cause as Error).message}`, {
      hint: missing,
      cause,
    });
  }
}
