/** Every piece of config that docs/feedback.md and docs/alarms.md show is one that the agent takes. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { deviceConfigSchema } from '../../../agent/config/schema.ts';

function jsonOf(page: string): string[] {
  const text = readFileSync(fileURLToPath(new URL(`../../../docs/${page}`, import.meta.url)), 'utf8');
  return [...text.matchAll(/```json\n(.*?)```/gs)].map(([, piece = '']) => piece);
}

const pieces = jsonOf('feedback.md').map((piece) => JSON.parse(`{${piece}}`) as object);

describe('docs/feedback.md', () => {
  it('shows some config', () => {
    expect(pieces.length).toBeGreaterThan(4);
  });

  it.each(pieces)('shows config that is taken: %#', (piece) => {
    const file = { kind: 'file', path: 'rows.csv', format: 'csv' };
    const isOfSource = 'tags' in piece;
    const parsed = deviceConfigSchema.safeParse({
      device: { id: 'mill-1' },
      sources: { line: isOfSource ? { ...file, ...piece } : file },
      slots: { milling: { source: 'line', model: 'm', ...(isOfSource ? {} : piece) } },
    });
    expect(parsed.error?.issues ?? []).toEqual([]);
  });
});

describe('docs/alarms.md', () => {
  it('shows config that is taken', () => {
    const [piece = '{}'] = jsonOf('alarms.md');
    const parsed = deviceConfigSchema.parse({
      device: { id: 'mill-1' },
      sources: {},
      slots: {},
      ...(JSON.parse(piece) as object),
    });
    expect(parsed.alarms.outputs.map(({ kind }) => kind)).toEqual(['mqtt', 'webhook']);
  });
});
