/** Says where a JSON text is broken: V8's own message often names no place. */

/** 1-based place of the first character that cannot stand where it stands; undefined when the text is JSON. */
export function jsonErrorPlace(text: string): { line: number; column: number } | undefined {
  const at = errorOffset(text);
  if (at === undefined) return undefined;
  const before = text.slice(0, at);
  return { line: before.split('\n').length, column: at - before.lastIndexOf('\n') };
}

const BLANK = /[ \t\r\n]*/y;
const SCALAR =
  /"(?:[^"\\\p{Cc}]|[\u007f-\u009f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/uy;
const KEY = /"(?:[^"\\\p{Cc}]|[\u007f-\u009f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/uy;

/** A recogniser with its own stack, so that deep nesting cannot exhaust the machine's. */
function errorOffset(text: string): number | undefined {
  const open: ('{' | '[')[] = [];
  let at = 0;
  const skip = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    const found = pattern.test(text);
    if (found) at = pattern.lastIndex;
    return found;
  };
  const take = (character: string): boolean => {
    skip(BLANK);
    if (text[at] !== character) return false;
    at += 1;
    return true;
  };
  const key = (): boolean => {
    skip(BLANK);
    return skip(KEY) && take(':');
  };
  for (;;) {
    skip(BLANK);
    if (text[at] === '{' || text[at] === '[') {
      const bracket = text[at] as '{' | '[';
      at += 1;
      if (!take(bracket === '{' ? '}' : ']')) {
        open.push(bracket);
        if (bracket === '{' && !key()) return at;
        continue;
      }
    } else if (!skip(SCALAR)) {
      return at;
    }
    for (;;) {
      const inside = open.at(-1);
      if (inside === undefined) {
        skip(BLANK);
        return at === text.length ? undefined : at;
      }
      if (take(',')) {
        if (inside === '{' && !key()) return at;
        break;
      }
      if (!take(inside === '{' ? '}' : ']')) return at;
      open.pop();
    }
  }
}
