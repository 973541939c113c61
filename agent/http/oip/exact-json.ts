/** JSON of which no whole number is rounded. Pure. */

/** As many digits as a double may round. */
const LONG_INTEGER = /^-?[1-9]\d{15,}$/;

/** What `parseExact` gives for a long whole number. */
export function isLongInteger(value: unknown): value is string {
  return typeof value === 'string' && LONG_INTEGER.test(value);
}

/**
 * As `JSON.parse`, but a whole number of more than 15 digits comes as a string of its digits, where a double may be
 * another number. Text without one (nearly all) is parsed as it is.
 * @throws SyntaxError
 */
export function parseExact(text: string): unknown {
  return JSON.parse(/\d{16}/.test(text) ? quoteLongIntegers(text) : text);
}

function quoteLongIntegers(text: string): string {
  const parts: string[] = [];
  let copied = 0;
  for (let at = 0; at < text.length; ) {
    const char = text.charAt(at);
    if (char === '"') {
      at = afterString(text, at);
    } else if (isPartOfNumber(char)) {
      const end = afterNumber(text, at);
      const token = text.slice(at, end);
      if (isLongInteger(token)) {
        parts.push(text.slice(copied, at), '"', token, '"');
        copied = end;
      }
      at = end;
    } else {
      at += 1;
    }
  }
  parts.push(text.slice(copied));
  return parts.join('');
}

function afterString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text.charAt(at) !== '"') at += text.charAt(at) === '\\' ? 2 : 1;
  return at + 1;
}

function afterNumber(text: string, start: number): number {
  let at = start;
  while (at < text.length && isPartOfNumber(text.charAt(at))) at += 1;
  return at;
}

function isPartOfNumber(char: string): boolean {
  return (
    (char >= '0' && char <= '9') ||
    char === '-' ||
    char === '+' ||
    char === '.' ||
    char === 'e' ||
    char === 'E'
  );
}
