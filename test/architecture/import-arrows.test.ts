/** Holds the code to the house of docs/architecture.md: who may import whom, and which file alone touches a native or network library. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

interface Import {
  /** Project-relative path of the importing file. */
  readonly from: string;
  /** Project-relative path, or the package's name. */
  readonly to: string;
}

function sourceFiles(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sourceFiles(path);
    return /\.(ts|tsx)$/.test(entry.name) ? [path] : [];
  });
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8');
  const specifiers = [...text.matchAll(/(?:^|\n)\s*(?:import|export)[^'"`;]*?from\s+['"]([^'"]+)['"]/g)]
    .concat([...text.matchAll(/(?:^|\n)\s*import\s+['"]([^'"]+)['"]/g)])
    .concat([...text.matchAll(/\bimport\(\s*['"]([^'"]+)['"]/g)]);
  return specifiers.map((match) => {
    const specifier = match[1] as string;
    const to = specifier.startsWith('.')
      ? relative(root, normalize(join(root, dirname(file), specifier)))
      : specifier;
    return { from: file, to };
  });
}

const files = ['protocol', 'daemon', 'agent', 'sync-server', 'cli', 'web'].flatMap(sourceFiles);
const imports = files.flatMap(importsOf);

/** The room of a file: `agent/store`, `protocol`, or the file itself where it stands in a side's top folder. */
function roomOf(path: string): string {
  const [side, room, ...rest] = path.split('/');
  if (side === 'protocol' || side === 'daemon') return side;
  return rest.length === 0
    ? side === 'agent' || side === 'sync-server'
      ? path
      : String(side)
    : `${side}/${room}`;
}

/** What both sides stand on: the wire contract, and what a daemon needs as a process. */
const GROUND = ['protocol', 'daemon'];
const AGENT_LEAVES = [
  'agent/made-folder.ts',
  'agent/errors.ts',
  'agent/clock.ts',
  'agent/clock-jumps.ts',
  'agent/counters.ts',
  'agent/mqtt-client.ts',
  'agent/config',
];
const AGENT_BASE = ['agent/store', 'agent/inference', 'agent/sources', 'agent/trust'];
const AGENT_ROOMS = ['models', 'feedback', 'monitor', 'sync', 'http', 'pipeline', 'alarm-output'].map(
  (room) => `agent/${room}`,
);

function outside(allowed: readonly string[], of: (i: Import) => boolean): string[] {
  return imports
    .filter((i) => of(i) && /^(agent|sync-server|protocol|daemon|cli|web)\//.test(i.to))
    .filter((i) => roomOf(i.to) !== roomOf(i.from) && !allowed.includes(roomOf(i.to)))
    .map((i) => `${i.from} -> ${i.to}`);
}

describe('the import arrows of the house', () => {
  it('finds the imports it judges', () => {
    expect(imports.length).toBeGreaterThan(100);
  });

  it('lets the protocol import nothing of ours', () => {
    expect(outside(['protocol'], (i) => i.from.startsWith('protocol/'))).toEqual([]);
  });

  it('lets daemon see the protocol alone', () => {
    expect(outside(['protocol'], (i) => i.from.startsWith('daemon/'))).toEqual([]);
  });

  it('keeps agent and sync-server apart', () => {
    const crossing = imports.filter(
      (i) =>
        (i.from.startsWith('agent/') && i.to.startsWith('sync-server/')) ||
        (i.from.startsWith('sync-server/') && i.to.startsWith('agent/')),
    );
    expect(crossing).toEqual([]);
  });

  it('keeps the leaves of the agent leaves', () => {
    expect(outside([...AGENT_LEAVES, ...GROUND], (i) => AGENT_LEAVES.includes(roomOf(i.from)))).toEqual([]);
  });

  it('lets store, inference, sources and trust see only leaves and each other’s types', () => {
    const allowed = [...AGENT_LEAVES, ...AGENT_BASE, ...GROUND];
    expect(outside(allowed, (i) => AGENT_BASE.includes(roomOf(i.from)))).toEqual([]);
  });

  it('lets only main see everything', () => {
    const allowed = [...AGENT_LEAVES, ...AGENT_BASE, ...AGENT_ROOMS, ...GROUND];
    expect(outside(allowed, (i) => AGENT_ROOMS.includes(roomOf(i.from)))).toEqual([]);
    expect(
      imports.filter(
        (i) =>
          /^(agent|sync-server)\/main\.ts$/.test(i.to) &&
          !i.from.startsWith('cli/') &&
          !/^(agent|sync-server)\/run-(agent|server)\.ts$/.test(i.from),
      ),
    ).toEqual([]);
  });

  it('lets pages see only the types of their side’s view, and the shared look', () => {
    const isPage = (i: Import) =>
      roomOf(i.from) === 'agent/status-page' || roomOf(i.from) === 'sync-server/console';
    const seen = imports.filter((i) => isPage(i) && /^(agent|sync-server|cli|protocol|daemon)\//.test(i.to));
    const own = (i: Import) =>
      roomOf(i.to) === roomOf(i.from) ||
      i.to === 'agent/http/view.ts' ||
      roomOf(i.to) === 'sync-server/views' ||
      i.to.startsWith('protocol/');
    expect(seen.filter((i) => !own(i))).toEqual([]);
  });

  it.each([
    ['onnxruntime-node', 'agent', 1],
    ['sharp', 'agent', 1],
    ['better-sqlite3', 'agent', 1],
    ['better-sqlite3', 'sync-server', 1],
    ['mqtt', 'agent', 1],
    ['mqtt', 'sync-server', 1],
  ] as const)('imports %s in one file of %s', (library, side, count) => {
    const importers = new Set(
      imports.filter((i) => i.to === library && i.from.startsWith(`${side}/`)).map((i) => i.from),
    );
    expect([...importers]).toHaveLength(count);
  });

  it('keeps the TUF library behind the two files that read and write signed metadata', () => {
    const importers = new Set(imports.filter((i) => i.to.startsWith('@tufjs/')).map((i) => i.from));
    expect([...importers].sort()).toEqual(['protocol/metadata.ts', 'protocol/new-metadata.ts']);
  });

  it('has no circle', () => {
    const graph = new Map<string, string[]>();
    for (const { from, to } of imports) graph.set(from, [...(graph.get(from) ?? []), to]);
    const circles: string[] = [];
    const done = new Set<string>();
    const walk = (file: string, trail: string[]): void => {
      if (trail.includes(file)) {
        circles.push([...trail.slice(trail.indexOf(file)), file].join(' -> '));
        return;
      }
      if (done.has(file)) return;
      for (const next of graph.get(file) ?? []) walk(next, [...trail, file]);
      done.add(file);
    };
    for (const file of files) walk(file, []);
    expect(circles).toEqual([]);
  });

  it('has no two rooms of a side that know each other', () => {
    const arrows = new Set(
      imports
        .filter((i) => /^(agent|sync-server)\//.test(i.to) && roomOf(i.from) !== roomOf(i.to))
        .map((i) => `${roomOf(i.from)} -> ${roomOf(i.to)}`),
    );
    const back = (arrow: string) => arrow.split(' -> ').reverse().join(' -> ');
    expect([...arrows].filter((arrow) => arrows.has(back(arrow)))).toEqual([]);
  });

  it('lets the shapes of the admin API see only each other and the protocol', () => {
    const allowed = ['protocol', 'sync-server/views'];
    expect(outside(allowed, (i) => roomOf(i.from) === 'sync-server/views')).toEqual([]);
  });

  it('stands room by room on the page that explains it', () => {
    const page = readFileSync(join(root, 'docs', 'architecture.md'), 'utf8');
    const rooms = new Set(files.map(roomOf).filter((room) => /^(agent|sync-server)\/[^.]+$/.test(room)));
    expect([...rooms].filter((room) => !page.includes(`\`${room}\``))).toEqual([]);
  });

  it('has no utils', () => {
    expect(files.filter((file) => /(^|\/)(utils?|helpers?|common|misc)\.tsx?$/.test(file))).toEqual([]);
  });
});
