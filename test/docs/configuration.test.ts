/** docs/configuration.md names every setting of both schemas with its default, and no other. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { deviceConfigSchema } from '../../agent/config/schema.ts';
import { serverConfigSchema } from '../../sync-server/config/schema.ts';
import { projectRoot } from '../support/processes.ts';

interface JsonSchema {
  readonly properties?: Record<string, JsonSchema>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly default?: unknown;
}

/** May be null as a whole, and yet each of its settings stands on the page. Others that may be null have pages of their own. */
const OPENED = ['sync'];

/** Path to default (undefined: none). A group of settings is no setting itself. */
function settingsOf(schema: JsonSchema, path = '', found = new Map<string, unknown>()): Map<string, unknown> {
  for (const variant of schema.oneOf ?? []) settingsOf(variant, path, found);
  const named = typeof schema.additionalProperties === 'object' ? { '*': schema.additionalProperties } : {};
  for (const [key, whole] of Object.entries({ ...schema.properties, ...named })) {
    const at = path ? `${path}.${key}` : key;
    const value = (OPENED.includes(at) ? whole.anyOf?.[0] : undefined) ?? whole;
    if (value.properties || value.oneOf || holdsGroups(value)) settingsOf(value, at, found);
    else found.set(at, value.default);
  }
  return found;
}

function holdsGroups({ additionalProperties: held }: JsonSchema): boolean {
  return typeof held === 'object' && (held.properties ?? held.oneOf) !== undefined;
}

const page = readFileSync(join(projectRoot, 'docs', 'configuration.md'), 'utf8');
const [ofDevice = '', ofServer = ''] = page.split("## The server's configuration");

function rowsOf(text: string): Map<string, unknown> {
  const rows = [...text.matchAll(/^\| `([\w.*]+)` \| (?:`(.*?)`)? ?\|/gm)];
  return new Map(
    rows.map(([, key = '', value]) => [key, value === undefined ? undefined : JSON.parse(value)]),
  );
}

describe('docs/configuration.md', () => {
  it.each([
    ['the device', ofDevice, settingsOf(z.toJSONSchema(deviceConfigSchema, { io: 'input' }) as JsonSchema)],
    ['the server', ofServer, settingsOf(z.toJSONSchema(serverConfigSchema, { io: 'input' }) as JsonSchema)],
  ])('names every setting of %s with its default', (_, text, settings) => {
    expect(Object.fromEntries(rowsOf(text))).toStrictEqual(Object.fromEntries(settings));
  });

  it('shows the least that runs', () => {
    const [, piece = ''] = /```json\n(.*?)```/s.exec(page) ?? [];
    expect(deviceConfigSchema.safeParse(JSON.parse(piece)).error?.issues ?? []).toEqual([]);
  });
});
