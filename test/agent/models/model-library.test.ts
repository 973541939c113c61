import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Engine } from '../../../agent/inference/engine.ts';
import { ModelLibrary } from '../../../agent/models/model-library.ts';
import { hashOf, makePackage } from '../../support/packages.ts';
import { TestTeam } from '../../support/trust.ts';

const files = makePackage();
const model = hashOf(files);
let folder: string;
let library: ModelLibrary;

/** Nothing is loaded here. */
const noEngine: Engine = {
  start: async () => undefined,
  load: async () => undefined,
  run: async () => {
    throw new Error('nothing runs here');
  },
  infer: () => Promise.reject(new Error('not asked')),
  signature: () => Promise.reject(new Error('not asked')),
  trial: () => Promise.reject(new Error('not asked')),
  unload: async () => undefined,
  stop: async () => undefined,
  status: () => ({ restarts: 0, rssBytes: 0, alive: true }),
};

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'andon-library-'));
  library = new ModelLibrary({ folder, trust: new TestTeam().trust, engine: noEngine });
  await library.stage(model, files);
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('keeps a package that became wanted while others were looked at', async () => {
  let isWanted = false;
  const isHere = library.has(model);
  const pruned = library.prune(() => isWanted);
  isWanted = true;
  expect(await isHere).toBe(true);
  await pruned;
  expect(readdirSync(folder)).toEqual([model]);
});
