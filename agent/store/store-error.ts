/** Turns what SQLite and the file system throw into the store's own coded errors. */
import { CodedError, codeOf } from '../../protocol/errors.ts';
import { type AgentErrorCode, agentError } from '../errors.ts';

const HINTS = {
  STORE_FULL: 'Free disk space on the device, or raise store.maxBytes; recording goes on by itself.',
  STORE_CORRUPT:
    'The agent begins anew by itself: it saves what can be read and sets the damaged database aside.',
  STORE_LOCKED: 'Stop the other agent that uses this folder, or give this one its own dataDir.',
  STORE_UNWRITABLE: 'Check that the data folder exists, is writable, and that its disk is healthy.',
} as const satisfies Partial<Record<AgentErrorCode, string>>;

/** The last three: a sector of the disk that does not give back what was written to it. */
const UNREADABLE = [
  ...['STORE_CORRUPT', 'SQLITE_NOTADB'],
  ...['SQLITE_IOERR_READ', 'SQLITE_IOERR_SHORT_READ', 'SQLITE_IOERR_CORRUPTFS'],
];

/** @param doing what was being done, for the message */
export function storeError(cause: unknown, doing: string): CodedError {
  if (cause instanceof CodedError) return cause;
  const code = storeCode(codeOf(cause));
  const why = cause instanceof Error ? cause.message : String(cause);
  return agentError(code, `${doing}: ${why}`, { hint: HINTS[code], cause });
}

/** True for an error that says the database file itself is unreadable. */
export function isCorrupt(cause: unknown): boolean {
  return storeCode(codeOf(cause)) === 'STORE_CORRUPT';
}

/**
 * True for what a sound database and our own code cannot lead to: a name of a table that is wrong, a value that no
 * parser takes. While a store is opened, it is damage that SQLite itself did not notice.
 */
export function saysDamage(error: unknown): boolean {
  if (isCorrupt(error)) return true;
  const cause = error instanceof CodedError && error.cause !== undefined ? error.cause : error;
  if (cause instanceof CodedError) return false;
  const code = codeOf(cause);
  return code === 'UNEXPECTED' || /^SQLITE_(ERROR|CONSTRAINT|MISMATCH)/.test(code);
}

function storeCode(code: string): keyof typeof HINTS {
  if (code === 'SQLITE_FULL' || code === 'ENOSPC' || code === 'EDQUOT') return 'STORE_FULL';
  if (code.startsWith('SQLITE_CORRUPT') || UNREADABLE.includes(code)) return 'STORE_CORRUPT';
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) return 'STORE_LOCKED';
  return 'STORE_UNWRITABLE';
}
