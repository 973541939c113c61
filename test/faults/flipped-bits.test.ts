/** Bits that turn on the disk of a device: what cannot be saved is counted, and nothing comes to the server twice. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Random } from '../../agent/sources/random.ts';
import { tabulate } from './support/fault-table.ts';
import { type Flipped, FlipScene, PARTS } from './support/flip-scene.ts';
import { seededRandom, testTimeoutMs, times } from './support/form.ts';

const HITS = times(10, 300);
const PAGE_BYTES = 4096;

type Hit = (bytes: Buffer, random: Random) => void;

const flipBit: Hit = (bytes, random) => {
  const at = Math.floor(random.uniform() * bytes.length);
  bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << Math.floor(random.uniform() * 8)), at);
};
const losePage: Hit = (bytes, random) => {
  const page = Math.floor((random.uniform() * bytes.length) / PAGE_BYTES);
  bytes.fill(0, page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
};

const DAMAGES: readonly [name: string, left: 'closed' | 'killed', file: string, hit: Hit][] = [
  ['bit turned in the database', 'closed', 'store.db', flipBit],
  ['page of zeros in the database', 'closed', 'store.db', losePage],
  ['bit turned in the write-ahead log', 'killed', 'store.db-wal', flipBit],
];

it.each(DAMAGES)(
  'loses nothing uncounted, doubles nothing and alters nothing after a %s',
  async (name, left, file, hit) => {
    const random = seededRandom(70 + DAMAGES.findIndex(([each]) => each === name));
    const scene = new FlipScene();
    const hits: Flipped[] = [];
    for (let i = 0; i < HITS; i++) {
      hits.push(
        await scene.play(left, (folder) => {
          const bytes = readFileSync(join(folder, file));
          hit(bytes, random);
          writeFileSync(join(folder, file), bytes);
        }),
      );
    }
    const sum = (of: keyof Flipped) => hits.reduce((total, each) => total + each[of], 0);
    await tabulate({
      fault: `7 ${name} of a device`,
      times: HITS,
      ...{ made: HITS * PARTS, recorded: HITS * PARTS, atServer: sum('atServer') },
      ...{ lost: sum('lost'), doubled: sum('doubled'), counted: sum('counted') },
      seen: `STORE_CORRUPT ${sum('noticed')}, store-salvaged; STORE_ROW_UNREADABLE ${sum('unreadable')}; ${sum('altered')} came with another value`,
    });
    const found = { lost: sum('lost'), doubled: sum('doubled'), altered: sum('altered') };
    expect(found).toEqual({ lost: 0, doubled: 0, altered: 0 });
  },
  testTimeoutMs,
);
