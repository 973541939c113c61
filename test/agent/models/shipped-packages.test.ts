import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../agent/clock.ts';
import { Counters } from '../../../agent/counters.ts';
import { EngineProcess } from '../../../agent/inference/engine-client.ts';
import { ModelLibrary } from '../../../agent/models/model-library.ts';
import { hashOf, readFiles, signPackage, testReleaseKey } from '../../support/packages.ts';
import { projectRoot } from '../../support/processes.ts';

const models = join(projectRoot, 'models');
const folders = readdirSync(models).flatMap((name) => {
  const isJob = readdirSync(models, { withFileTypes: true }).some((e) => e.name === name && e.isDirectory());
  const versions = isJob ? readdirSync(join(models, name)) : [];
  return versions.map((version) => join(name, version));
});
const packages = folders.filter((folder) => existsSync(join(models, folder, 'manifest.json')));

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
  library = new ModelLibrary({ folder, engine, trustedReleaseKeys: [testReleaseKey] });
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

  it.each(packages)('%s loads on this machine and passes its golden samples', async (name) => {
    const files = signPackage(readFiles(join(models, name)), testReleaseKey);
    const hash = hashOf(files);
    await library.stage(hash, files);
    await library.load(hash, { test: true });
    expect(library.loaded(hash)?.manifest.name).toBe(name.split('/')[0]);
  });
});
