/** A broker and a server process, and a look into the server's database from outside: only what is committed shows. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { startMosquitto } from '../../test/support/brokers.ts';
import { startProcess } from '../../test/support/processes.ts';

export type BrokerKind = 'mosquitto' | 'aedes';

export interface Central {
  readonly brokerUrl: string;
  /** Predictions committed, of all devices. */
  committed(): number;
  /** When an event was recorded, ms since the epoch by its device, for those committed after the last call. */
  newEvents(kinds: readonly string[]): number[];
  stop(): Promise<void>;
}

/** @param broker aedes: inside the server's process */
export async function startCentral(folder: string, broker: BrokerKind): Promise<Central> {
  mkdirSync(folder, { recursive: true });
  const mosquitto = broker === 'mosquitto' ? await startMosquitto() : undefined;
  const config = join(folder, 'server.json');
  const dataDir = join(folder, 'server');
  writeFileSync(
    config,
    JSON.stringify({
      dataDir,
      broker: mosquitto ? { kind: 'external', url: mosquitto.url } : { kind: 'embedded', port: 0 },
      http: { port: 0 },
    }),
  );
  const server = startProcess('sync-server/start.ts', ['--config', config]);
  const { brokerUrl } = await server.logged('listening');
  await server.logged('broker-link-up');
  const sqlite = new BetterSqlite(join(dataDir, 'server.db'), { readonly: true });
  const committed = sqlite
    .prepare<[], number>(`SELECT coalesce(sum(committed_seq), 0) FROM cursors WHERE stream = 'predictions'`)
    .pluck();
  const events = sqlite.prepare<[number], { seq: number; timeMs: number; kind: string }>(
    'SELECT seq, time_ms AS timeMs, kind FROM events WHERE seq > ? ORDER BY seq',
  );
  let seen = 0;
  return {
    brokerUrl: String(brokerUrl),
    committed: () => committed.get() ?? 0,
    newEvents: (kinds) => {
      const found = events.all(seen);
      seen = found.at(-1)?.seq ?? seen;
      return found.filter(({ kind }) => kinds.includes(kind)).map(({ timeMs }) => timeMs);
    },
    stop: async () => {
      sqlite.close();
      await server.end();
      await mosquitto?.stop();
    },
  };
}
