import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../agent/clock.ts';
import { EngineProcess } from '../../../agent/inference/engine-client.ts';
import { ModelLibrary } from '../../../agent/models/model-library.ts';
import { Counters } from '../../../daemon/counters.ts';
import { type NamedModel, TrustedSet } from '../../../protocol/trusted-set.ts';
import { hashOf, readFiles } from '../../support/packages.ts';
import { projectRoot } from '../../support/processes.ts';

const models = join(projectRoot, 'models');
const folders = readdirSync(models).flatMap((name) => {
  const isJob = readdirSync(models, { withFileTypes: true }).some((e) => e.name === name && e.isDirectory());
  const versions = isJob ? readdirSync(join(models, name)) : [];
  return versions.map((version) => join(name, version));
});
const packages = folders.filter((folder) => existsSync(join(models, folder, 'manifest.json')));

/** The root and the list that ship beside them. */
const metadata = (name: string) => readFileSync(join(models, 'trust', name));
const shippedSet = TrustedSet.pinned(metadata('root.json'), metadata('targets.json'));
const shipped = { approveConfigured: (model: NamedModel) => shippedSet.approve(model) };

let engine: EngineProcess;
let library: ModelLibrary;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'andon-shipped-'));
  const log = pino({ level: 'silent' });
  engine = new EngineProcess({
    threads: 1,
    timeoutMs: 10_000,
    log,
    clock: systemClock,
    counters: new Counters(),
  });
  library = new ModelLibrary({ folder, engine, trust: shipped });
  await engine.start();
});

afterAll(async () => {
  await engine.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('the shipped packages', () => {
  it('are there', () => {
    expect(packages.length).toBeGreaterThan(3);
  });

  it.each(packages)(
    '%s is on the signed list, loads on this machine and passes its golden samples',
    async (name) => {
      const { files, manifestSha256: hash } = await library.identify(join(models, name));
      expect(hash).toBe(hashOf(readFiles(join(models, name))));
      await library.stage(hash, files);
      const figures = await library.test(hash, { budget: {}, maxRows: 256 });
      expect(figures.latencyP99Ms).toBeGreaterThan(0);
      expect(library.loaded(hash)?.manifest.name).toBe(name.split('/')[0]);
    },
  );
});
