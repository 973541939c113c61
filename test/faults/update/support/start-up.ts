/** The agent's own start-up code on a disk that a power cut left: the real models, the real engine, the real chunk store. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pino } from 'pino';
import { systemClock } from '../../../../agent/clock.ts';
import { deviceConfigSchema } from '../../../../agent/config/schema.ts';
import type { EngineProcess } from '../../../../agent/inference/engine-client.ts';
import { ModelManager } from '../../../../agent/models/model-manager.ts';
import type { StateTable } from '../../../../agent/store/store.ts';
import { ChunkStore } from '../../../../agent/sync/chunk-store.ts';
import { Counters } from '../../../../daemon/counters.ts';
import { waitFor } from '../../../support/processes.ts';
import type { TestTeam } from '../../../support/trust.ts';
import { SLOT } from '../../support/device-process.ts';
import type { Tree } from './disk-model.ts';
import type { Files } from './update-scene.ts';

const WITHIN_MS = 10_000;
const log = pino({ level: 'silent' });

export interface StartUpDeps {
  readonly engine: EngineProcess;
  readonly team: TestTeam;
  /** Of the configuration. */
  readonly model: string;
  /** What the server has, by hash. */
  readonly packages: ReadonlyMap<string, Files>;
}

export interface StartUp {
  /** What works right after the start. */
  readonly champion: string | undefined;
}

/** @param wanted what must be the champion in the end, with a server; undefined: the start alone is looked at, with none */
export async function startUp(
  dataDir: string,
  rows: ReadonlyMap<string, string>,
  { engine, team, model, packages }: StartUpDeps,
  wanted: string | undefined,
): Promise<StartUp> {
  const counters = new Counters();
  const manager = new ModelManager({
    config: deviceConfigSchema.parse({
      device: { id: 'd1' },
      dataDir,
      sources: { line: { kind: 'simulated-line' } },
      slots: {
        [SLOT]: {
          source: 'line',
          model,
          selfTest: { shadowSamples: 0 },
          probation: { predictions: 1, forMs: 0 },
        },
      },
    }),
    store: { recorder: { events: async () => undefined }, states: statesOf(rows) },
    engine,
    clock: systemClock,
    log,
    counters,
    trust: team.trust,
    retryMs: 1,
    onChange: () => undefined,
    fetchPackage: async (ref, _onProgress, signal) => {
      if (wanted === undefined) await new Promise((resolve) => signal.addEventListener('abort', resolve));
      return new Map(packages.get(ref.manifestSha256));
    },
  });
  const champion = () => manager.of(SLOT)?.champion.manifestSha256;
  await manager.start();
  const first = champion();
  try {
    if (wanted === undefined) return { champion: first };
    await waitFor(() => champion() === wanted, WITHIN_MS, `the model ${wanted}`);
    manager.observe(SLOT, wanted, 'ok');
    const isTidy = () => !readdirSync(join(dataDir, 'packages')).some((name) => name.startsWith('.'));
    await waitFor(isTidy, WITHIN_MS, 'a tidy folder');
    return { champion: first };
  } finally {
    await manager.stop();
    for (const sha256 of packages.keys()) await engine.unload(sha256);
  }
}

/** Writes a disk of the model onto the real one. */
export function materialise(tree: Tree, dataDir: string): void {
  rmSync(dataDir, { recursive: true, force: true });
  mkdirSync(dataDir, { recursive: true });
  for (const [path, bytes] of tree) {
    const full = join(dataDir, path);
    mkdirSync(path.endsWith('/') ? full : dirname(full), { recursive: true });
    if (!path.endsWith('/')) writeFileSync(full, bytes);
  }
}

/** Opens the chunks as the agent does when it starts. @returns what it believes: name -> bytes */
export async function openChunks(dataDir: string): Promise<Map<string, Buffer>> {
  const chunks = new ChunkStore(join(dataDir, 'chunks'));
  await chunks.clean();
  const found = new Map<string, Buffer>();
  for (const sha256 of await chunks.list()) {
    const bytes = await chunks.get(sha256);
    if (bytes) found.set(sha256, bytes);
  }
  return found;
}

/** SQLite's own durability has its tests; here thousands of disks share one memory. */
function statesOf(rows: ReadonlyMap<string, string>): StateTable {
  const states = new Map(rows);
  return {
    get: (key) => {
      const value = states.get(key);
      return value === undefined ? undefined : JSON.parse(value);
    },
    set: (key, value) => void states.set(key, JSON.stringify(value ?? null)),
    delete: (key) => void states.delete(key),
    keys: (prefix) => [...states.keys()].filter((key) => key.startsWith(prefix)).sort(),
  };
}
