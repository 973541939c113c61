/** Turns the problems of a configuration file into lines for people: dotted path, the wrong value, what is allowed. */
import { z } from 'zod';
import { jsonText } from '../protocol/json-text.ts';
import { closestWord } from './closest-word.ts';

type Path = readonly PropertyKey[];

/** The keys that may stand at a place of a configuration. */
export type KnownKeys = (path: Path) => readonly string[];

/**
 * One line a problem, in the order of zod's issues: `http.port: 99999 is refused; at most 65535`.
 * An unknown key gets a line of its own, with a suggestion when `knownKeys` has one that is close.
 * @param input the value that was parsed
 */
export function explainIssues(error: z.ZodError, input: unknown, knownKeys: KnownKeys = () => []): string[] {
  return error.issues.flatMap((issue) => explainIssue(issue, input, knownKeys));
}

/** The known keys of a schema at a path of `input`; the input decides between the members of a union. */
export function knownKeysOf(schema: z.ZodType, input: unknown): KnownKeys {
  return (path) => {
    let at: z.ZodType | undefined = schema;
    let value = input;
    for (const key of path) {
      at = at && memberOf(at, key, value);
      value = childOf(value, key);
    }
    const object = at && resolve(at, value);
    return object instanceof z.ZodObject ? Object.keys(object.shape) : [];
  };
}

/** `slots.line-a.source`; `sources["my file"].path` where a key needs quotes. */
export function dottedPath(path: Path): string {
  let text = '';
  for (const key of path) {
    if (typeof key === 'number') text += `[${key}]`;
    else if (/^[\w-]+$/.test(String(key))) text += `${text && '.'}${String(key)}`;
    else text += `[${shortValue(String(key))}]`;
  }
  return text || '(the whole file)';
}

/** A value as JSON in at most 40 characters, without what stands before the @ of an address. */
export function shortValue(value: unknown): string {
  const text = jsonText(value).split('"').map(withoutUser).join('"');
  return text.length <= 40 ? text : `${text.slice(0, 36)} …${text.at(-1) ?? ''}`;
}

/** In one pass: a pattern that looks for the @ from each of many `://` would take for ever. */
function withoutUser(text: string): string {
  const from = text.indexOf('://');
  const at = text.lastIndexOf('@');
  return from >= 0 && at > from ? `${text.slice(0, from)}://…${text.slice(at)}` : text;
}

function explainIssue(issue: z.core.$ZodIssue, input: unknown, knownKeys: KnownKeys): string[] {
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(issue.path);
    return issue.keys.map((key) => {
      const meant = closestWord(key, known);
      const advice = meant
        ? `did you mean "${meant}"?`
        : known.length > 0
          ? `known here: ${known.join(', ')}`
          : 'remove it';
      return `${dottedPath([...issue.path, key])}: unknown key; ${advice}`;
    });
  }
  const value = issue.path.reduce<unknown>(childOf, input);
  const where = dottedPath(issue.path);
  if (value === undefined) return [`${where}: is missing; ${allowed(issue, value)}`];
  return [`${where}: ${shortValue(value)} is refused; ${allowed(issue, value)}`];
}

function allowed(issue: z.core.$ZodIssue, value: unknown): string {
  switch (issue.code) {
    case 'invalid_value':
      return oneOf(issue.values, value);
    case 'invalid_type':
      return `expected ${issue.expected}`;
    case 'too_small':
      return `${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}${unitOf(issue.origin)}`;
    case 'too_big':
      return `${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}${unitOf(issue.origin)}`;
    case 'invalid_key':
      return `this name: ${issue.issues[0]?.message ?? 'not allowed'}`;
    case 'invalid_union':
      return 'options' in issue && issue.options ? oneOf(issue.options, value) : issue.message;
    default:
      return issue.message.replace(/^Invalid string: must match pattern/, 'must match');
  }
}

function oneOf(values: readonly unknown[], value: unknown): string {
  const list = values.map(shortValue).join(' or ');
  const meant = typeof value === 'string' && closestWord(value, values.map(String));
  return meant ? `did you mean "${meant}"? Allowed: ${list}` : `allowed: ${list}`;
}

function unitOf(origin: string): string {
  if (origin === 'string') return ' characters';
  return origin === 'array' ? ' entries' : '';
}

function childOf(value: unknown, key: PropertyKey): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Record<PropertyKey, unknown>)[key]
    : undefined;
}

/** The schema one step down. */
function memberOf(schema: z.ZodType, key: PropertyKey, value: unknown): z.ZodType | undefined {
  const at = resolve(schema, value);
  if (at instanceof z.ZodObject) return asType(at.shape[String(key)]);
  if (at instanceof z.ZodRecord) return asType(at.valueType);
  if (at instanceof z.ZodArray) return asType(at.element);
  return undefined;
}

/** Takes off defaults and null-ables, and picks the member of a union that `value` names by its literal fields. */
function resolve(schema: z.ZodType, value: unknown): z.ZodType | undefined {
  if (
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodOptional
  ) {
    const inner = asType(schema.unwrap());
    return inner && resolve(inner, value);
  }
  if (schema instanceof z.ZodUnion) {
    return schema.options.map(asType).find((option) => option instanceof z.ZodObject && fits(option, value));
  }
  return schema;
}

function fits(option: z.ZodObject, value: unknown): boolean {
  return Object.entries(option.shape).every(
    ([key, field]) => !(field instanceof z.ZodLiteral) || field.values.has(childOf(value, key) as string),
  );
}

function asType(schema: unknown): z.ZodType | undefined {
  return schema instanceof z.ZodType ? schema : undefined;
}
