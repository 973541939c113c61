/** Reads the end of a part's log for a person: what it said last, and what that means. Pure. */

const MEANINGS: readonly (readonly [RegExp, string])[] = [
  [/ENOSPC|SQLITE_FULL|STORE_FULL|no space left/i, 'The disk is full: free some room and start again.'],
  [/PORT_TAKEN|EADDRINUSE/, 'Another program took its port: start again, the demo then finds a free one.'],
  [
    /STORE_LOCKED/,
    'Another demo runs on this data: end it first, or name another folder with --data <folder>.',
  ],
  [/SIGNATURE_|PACKAGE_/, 'A shipped model package is damaged or not signed: get the models/ folder again.'],
  [/Cannot find package/, 'Packages are missing: run npm ci.'],
];

/** Lines of an uncaught error that tell a person nothing. */
const STACK = /^\s+at |^\s*[}\]^]|^Node\.js v/;

/** @returns the last lines (messages of JSON lines, other lines as they are), at most 6, each at most 200 characters */
export function lastWords(log: string): { lines: string[]; hint: string | undefined } {
  const raw = log.split('\n').filter((line) => line.trim() !== '' && !STACK.test(line));
  const lines = raw.slice(-6).map((line) => messageOf(line).slice(0, 200));
  const end = raw.slice(-20).join('\n');
  return { lines, hint: MEANINGS.find(([pattern]) => pattern.test(end))?.[1] };
}

function messageOf(line: string): string {
  try {
    const value: unknown = JSON.parse(line);
    if (value !== null && typeof value === 'object' && 'msg' in value) return String(value.msg);
  } catch {
    // Not one of our JSON lines: an error that Node printed itself.
  }
  return line;
}
