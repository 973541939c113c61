/** What thinning left of a backlog has a gap at every second record: it must travel as well as a whole one. */
import { expect, it } from 'vitest';
import { LIMITS } from '../../../protocol/limits.ts';
import { describeWithEachBroker } from '../../support/brokers.ts';
import { waitFor } from '../../support/wait-for.ts';
import { TestDevice } from './device.ts';
import { FakeServer } from './fake-server.ts';

const MADE = 4000;

describeWithEachBroker('a thinned backlog', (startBroker) => {
  it('reaches the server in few messages', async () => {
    const broker = await startBroker();
    const server = await new FakeServer().start(broker.url);
    const device = new TestDevice({ broker: broker.url });
    try {
      device.record(MADE);
      const kept = Array.from({ length: MADE }, (_, i) => i + 1).filter(
        (seq) => seq % 2 === 1 || seq % 10 === 0,
      );
      for (let seq = 1; seq < MADE; seq++) {
        if (!kept.includes(seq)) device.streams.drop('predictions', seq, seq);
      }
      await device.sync.start();
      await waitFor('all acknowledged', () => device.streams.acked('predictions') === MADE, 60_000);
      expect(server.committed.get('predictions')?.map(({ seq }) => seq)).toEqual(kept);
      expect(server.malformed).toBe(0);
      const batches = server.batches.filter(({ stream }) => stream === 'predictions');
      // A window that grows, then full ones.
      expect(batches.length).toBeLessThan(20 + (2 * kept.length) / LIMITS.batchRecords);
    } finally {
      await device.stop();
      await server.stop();
      await broker.stop();
    }
  });
});
