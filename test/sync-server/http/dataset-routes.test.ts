import { fastify } from 'fastify';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Counters } from '../../../daemon/counters.ts';
import { addDatasetRoutes } from '../../../sync-server/http/dataset-routes.ts';
import { errorReply } from '../../../sync-server/http/error-reply.ts';
import type { DatasetPageView } from '../../../sync-server/views/dataset.ts';
import { fieldStore, fill, MODEL_HASH } from '../dataset/field-data.ts';
import { feedback, prediction, silentLog } from '../support.ts';

const SLOT = 'machine-failure';

function setUp() {
  const { store, datasets } = fieldStore();
  const seqs = [1, 2, 3];
  fill(
    store,
    seqs.map((seq) => prediction(seq, { model: MODEL_HASH, features: [298, 0] })),
    seqs.map((seq) => feedback(seq, seq)),
  );
  const app = fastify();
  app.setErrorHandler(errorReply(silentLog, new Counters()));
  addDatasetRoutes(app, { datasets });
  onTestFinished(() => app.close());
  return app;
}

describe('GET /api/datasets', () => {
  it('gives pages that `next` leads through', async () => {
    const app = setUp();
    const ids: string[] = [];
    for (let query = 'labels=2', more = true; more; ) {
      const answer = await app.inject(`/api/datasets/${SLOT}/samples?${query}`);
      expect(answer.headers['cache-control']).toBe('no-store');
      const { samples, next } = answer.json<DatasetPageView>();
      ids.push(...samples.map(({ id }) => id));
      query = `labels=2&after=${next}`;
      more = next !== null;
    }
    expect(ids).toEqual(['0123abcd-1', '0123abcd-2', '0123abcd-3']);
  });

  it.each([
    ['samples?after=1', 400, 'REQUEST_INVALID'],
    ['samples?after=1-2;drop', 400, 'REQUEST_INVALID'],
    ['samples?labels=1001', 400, 'REQUEST_INVALID'],
    ['samples?since=yesterday', 400, 'REQUEST_INVALID'],
    ['samples?since=-1', 400, 'REQUEST_INVALID'],
    ['samples?model=tiny', 400, 'REQUEST_INVALID'],
    ['samples?slot=other', 400, 'REQUEST_INVALID'],
    ['samples?model=tiny@7', 404, 'MODEL_UNKNOWN'],
    ['samples?model=tiny@nobody', 404, 'ALIAS_UNKNOWN'],
  ])('refuses %s', async (path, status, code) => {
    const answer = await setUp().inject(`/api/datasets/${SLOT}/${path}`);
    expect(answer.statusCode).toBe(status);
    expect(answer.json()).toMatchObject({ code, message: expect.any(String) });
  });

  it('does not know a slot of which nothing ever came', async () => {
    const answer = await setUp().inject('/api/datasets/nowhere');
    expect([answer.statusCode, answer.json().code]).toEqual([404, 'SLOT_UNKNOWN']);
  });
});
