/** Every piece of config that docs/feedback.md shows is one that the agent takes. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { deviceConfigSchema } from '../../../agent/config/schema.ts';

const page = readFileSync(fileURLToPath(new URL('../../../docs/feedback.md', import.meta.url)), 'utf8');
const pieces = [...page.matchAll(/```json\n(.*?)```/gs)].map(
  ([, piece]) => JSON.parse(`{${piece}}`) as object,
);

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
