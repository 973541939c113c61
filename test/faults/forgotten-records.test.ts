/** Promise 3 on a disk that lies: records that it forgot after the server had them do not cost the next ones their place. */
import Database from 'better-sqlite3';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { systemClock } from '../../agent/clock.ts';
import { openStore } from '../../agent/store/open-store.ts';
import type { Store } from '../../agent/store/store.ts';
import type { Sync } from '../../agent/sync/sync.ts';
import { Counters } from '../../daemon/counters.ts';
import { newPrediction, record } from '../agent/store/temp-store.ts';
import { makeSync } from '../agent/sync/device.ts';
import { waitFor } from '../support/processes.ts';
import { tabulate } from './support/fault-table.ts';
import { ForgetfulDisk } from './support/forgetful-disk.ts';
import { seededRandom, testTimeoutMs, times } from './support/form.ts';
import { newFolder } from './support/scene.ts';
import { ServerProcess } from './support/server-process.ts';

const CUTS = times(4, 60);
const MADE = 200;
const MOST_FORGOTTEN_MS = 400;

it(
  'has each part once at the server after the disk forgot what had been sent',
  async () => {
    const random = seededRandom(90);
    const upTo = (most: number) => 1 + Math.floor(random.uniform() * most);
    const server = await ServerProcess.start(newFolder());
    const line = new Line(newFolder(), server.brokerUrl);
    let forgotten = 0;
    for (let cut = 0; cut < CUTS; cut++) {
      await line.open();
      for (let burst = upTo(3); burst > 0; burst--) {
        await line.make(upTo(MADE), upTo(7));
        await line.allAcknowledged();
      }
      forgotten += await line.losePower(upTo(MOST_FORGOTTEN_MS));
      // New parts before there is a link, over a restart or two, or at once.
      for (let start = 0; start < cut % 3; start++) {
        await line.open({ linked: false });
        await line.make(upTo(MADE), upTo(7));
        await line.close();
      }
    }
    await line.open();
    await line.allAcknowledged();
    await line.close();
    const there = partsAt(server.database);
    const lost = Array.from({ length: line.made }, (_, i) => `part-${i + 1}`).filter(
      (part) => !there.has(part),
    );
    const doubled = [...there.values()].filter((count) => count > 1).length;
    expect(forgotten).toBeGreaterThan(CUTS);
    expect(line.overtaken).toBeGreaterThan(0);
    expect({ lost, doubled }).toEqual({ lost: [], doubled: 0 });
    await tabulate({
      fault: '7 last records forgotten by the disk after the server had them',
      times: CUTS,
      ...{ made: line.made, recorded: line.made, atServer: there.size, lost: lost.length, doubled },
      seen: `STORE_OVERTAKEN ${line.overtaken}, the event store-overtaken; ${forgotten} records forgotten, a new store epoch each time`,
    });
  },
  testTimeoutMs,
);

/** A device without its engine: what it makes, it numbers. */
class Line {
  made = 0;
  overtaken = 0;
  readonly #folder: string;
  readonly #broker: string;
  readonly #disk: ForgetfulDisk;
  #store: Store | undefined;
  #sync: Sync | undefined;
  #reopening: Promise<void> | undefined;

  constructor(folder: string, broker: string) {
    this.#disk = new ForgetfulDisk(folder);
    this.#folder = folder;
    this.#broker = broker;
  }

  async open({ linked = true } = {}): Promise<void> {
    const counters = new Counters();
    const log = pino({ level: 'silent' });
    const store = openStore({
      ...{ folder: this.#folder, maxBytes: 64 << 20, commitWithinMs: 2, clock: systemClock, log, counters },
      onReopen: () => {
        this.overtaken += 1;
        this.#reopening = this.close().then(() => this.open());
      },
    });
    this.#store = store;
    this.#sync = linked
      ? makeSync({ broker: this.#broker }, { store, dataDir: this.#folder, counters })
      : undefined;
    await this.#sync?.start();
    this.#disk.watch();
  }

  /** @param together parts in one commit */
  async make(count: number, together: number): Promise<void> {
    for (let done = 0; done < count; done += together) {
      const parts = Array.from({ length: Math.min(together, count - done) }, () => {
        this.made += 1;
        return newPrediction({ slot: 'inspect', correlationId: `part-${this.made}` });
      });
      await this.#reopening;
      await record(this.#open, parts);
      this.#sync?.notifyRecorded();
    }
  }

  async allAcknowledged(): Promise<void> {
    await waitFor(
      async () => {
        await this.#reopening;
        return this.#open.streams.waiting('predictions') === 0;
      },
      60_000,
      'all predictions to be acknowledged',
    );
  }

  /** @returns predictions that the disk forgot */
  async losePower(agoMs: number): Promise<number> {
    const head = this.#open.streams.head('predictions');
    await this.close();
    this.#disk.forget(agoMs);
    await this.open({ linked: false });
    const left = this.#open.streams.head('predictions');
    await this.close();
    return head - left;
  }

  async close(): Promise<void> {
    this.#disk.unwatch();
    await this.#sync?.stop();
    await this.#open.close();
  }

  get #open(): Store {
    if (!this.#store) throw new Error('the store is not open');
    return this.#store;
  }
}

function partsAt(file: string): Map<string, number> {
  const database = new Database(file, { readonly: true });
  try {
    const rows = database
      .prepare<[], [string, number]>('SELECT correlation_id, count(*) FROM predictions GROUP BY 1')
      .raw()
      .all();
    return new Map(rows);
  } finally {
    database.close();
  }
}
