/** Holds a start to what it needs: what is loaded before the first prediction, and what the engine's process carries. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { projectRoot } from '../support/processes.ts';

/** Packages and project-relative files that a file loads as soon as it is loaded, itself included. */
function loadedWith(entry: string, seen = new Set<string>()): Set<string> {
  if (seen.has(entry)) return seen;
  seen.add(entry);
  const text = readFileSync(join(projectRoot, entry), 'utf8');
  for (const [, from = ''] of text.matchAll(/^import (?!type )(?:[^'"`;]*? from )?'([^']+)'/gm)) {
    if (from.startsWith('.')) loadedWith(join(dirname(entry), from), seen);
    else seen.add(from);
  }
  return seen;
}

function packagesOf(entry: string): string[] {
  return [...loadedWith(entry)].filter((name) => !name.endsWith('.ts') && !name.startsWith('node:')).sort();
}

it('spawns the engine before it loads anything else', () => {
  expect([...loadedWith('agent/start.ts')].filter((name) => name.endsWith('.ts'))).toEqual([
    'agent/start.ts',
    'agent/inference/engine-spawn.ts',
  ]);
});

it.each(['fastify', 'mqtt', 'systeminformation'])('does not load %s for the first prediction', (library) => {
  expect(packagesOf('agent/run-agent.ts')).not.toContain(library);
});

it('keeps the engine’s process to the runtime alone', () => {
  expect(packagesOf('agent/inference/engine-main.ts')).toEqual(['onnxruntime-node']);
});
