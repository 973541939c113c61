/** A device that predicted for long with no network: real samples through the real agent, then its data folder and nothing running. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StatusView } from '../../agent/http/view.ts';
import { openPlain } from '../../agent/store/database.ts';
import { seal } from '../../agent/store/sound-rows.ts';
import { findProject } from '../../daemon/project.ts';
import { type RunningProcess, startProcess, waitFor } from '../../test/support/processes.ts';
import { plateModel, writePlates } from './plates.ts';

export const DEVICE = 'steel-line';
export const SLOT = 'surface';
const RECORDED_WITHIN_MS = 170_000;

export class Backlog {
  readonly folder: string;
  readonly records: number;
  readonly #live: boolean;

  /**
   * @param folder its own, made if need be
   * @param live a line's pace, twenty times as fast as its clock, and features are kept; else as fast as the device can
   */
  constructor(folder: string, records: number, { live = false } = {}) {
    this.folder = folder;
    this.records = records;
    this.#live = live;
  }

  get dataDir(): string {
    return join(this.folder, 'agent');
  }

  /** @returns predictions recorded a second, with the reading of the CSV */
  async record(): Promise<number> {
    mkdirSync(this.folder, { recursive: true });
    const plates = join(this.folder, 'plates.csv');
    writePlates(plates, this.records);
    const startedMs = performance.now();
    const agent = this.#start('plates', plates, null);
    try {
      const url = String((await agent.logged('listening')).url);
      const recorded = async () => (await statusOf(url)).link.backlog.predictions >= this.records;
      await waitFor(recorded, RECORDED_WITHIN_MS, `${this.records} predictions recorded`);
      return (this.records / (performance.now() - startedMs)) * 1000;
    } finally {
      await agent.end();
      rmSync(plates);
    }
  }

  /** The same device with a network and no more samples. */
  startSyncing(broker: string): RunningProcess {
    const idle = join(this.folder, 'idle.csv');
    writePlates(idle, 0);
    return this.#start('idle', idle, { broker, retryMs: 50 });
  }

  /** Nothing was ever acknowledged. While nothing runs. */
  rewind(): void {
    const sqlite = openPlain(join(this.dataDir, 'store.db'));
    sqlite.exec('UPDATE streams SET acked = 0');
    seal(sqlite, 'streams');
    sqlite.close();
  }

  #start(source: string, path: string, sync: object | null): RunningProcess {
    const config = join(this.folder, 'device.json');
    const columns = { timeColumn: 'time', correlationColumn: 'part' };
    const pace = this.#live ? { speed: 'scaled', scale: 20 } : { speed: 'full' };
    const text = JSON.stringify({
      device: { id: DEVICE },
      dataDir: this.dataDir,
      sources: { [source]: { kind: 'file', path, format: 'csv', ...columns, ...pace } },
      slots: {
        [SLOT]: {
          source,
          model: plateModel,
          keepFeatures: this.#live,
          privacy: this.#live ? 'features' : 'outputs',
        },
      },
      sync,
      trust: { metadata: join(findProject().folder, 'models', 'trust') },
      http: { port: 0 },
    });
    writeFileSync(config, text);
    return startProcess('agent/start.ts', ['--config', config]);
  }
}

async function statusOf(url: string): Promise<StatusView> {
  return (await (await fetch(`${url}/api/status`)).json()) as StatusView;
}
