/** What thinning left of a backlog has a gap at every second record: it must travel as well as a whole one. */
import { expect, it } from 'vitest';
import { LIMITS } from '../../../protocol/limits.ts';
import { describeWithEachBroker } from '../../support/brokers.ts';
import { waitFor } from '../../support/wait-for.ts';
import { TestDevice } from './device.ts';
import { FakeServer } from './fake-server.ts';

const MADE = 4000;

describeWithEachBroker('a thinned backlog', (startBroker) => {
  it.each([
    { server: 'a server that takes gaps, in few messages', sparse: true, made: MADE },
    { server: 'an older server, one run after another', sparse: false, made: 600 },
  ])('reaches $server', async ({ sparse, made }) => {
    const broker = await startBroker();
    const server = await new FakeServer().start(broker.url);
    server.sparse = sparse;
    const device = new TestDevice({ broker: broker.url });
    try {
      device.record(made);
      const kept = Array.from({ length: made }, (_, i) => i + 1).filter(
        (seq) => seq % 2 === 1 || seq % 10 === 0,
      );
      for (let seq = 1; seq < made; seq++) {
        if (!kept.includes(seq)) device.streams.drop('predictions', seq, seq);
      }
      await device.sync.start();
      await waitFor('all acknowledged', () => device.streams.acked('predictions') === made, 60_000);
      expect(server.committed.get('predictions')?.map(({ seq }) => seq)).toEqual(kept);
      expect(server.malformed).toBe(0);
      const batches = server.batches.filter(({ stream }) => stream === 'predictions');
      // One run before the server has spoken, a window that grows, then full ones.
      if (sparse) expect(batches.length).toBeLessThan(12 + (2 * kept.length) / LIMITS.batchRecords + 10);
      else expect(batches.every(({ count }) => count <= 3)).toBe(true);
    } finally {
      await device.stop();
      await server.stop();
      await broker.stop();
    }
  });
});
