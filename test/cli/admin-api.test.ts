import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { AdminApi } from '../../cli/admin-api.ts';
import { explainError } from '../../cli/errors.ts';

let server: Server | undefined;

/** A port where something else than a healthy Andon server answers. */
async function answering(status: number, body: string): Promise<AdminApi> {
  server = createServer((_request, response) => response.writeHead(status).end(body));
  const listening = server;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  return new AdminApi(`http://127.0.0.1:${(listening.address() as AddressInfo).port}/`);
}

afterEach(() => new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined))));

describe('the admin API as commands use it', () => {
  it('tells the server’s own refusal with its code and hint', async () => {
    const refusal = { code: 'ROLLOUT_CONFLICT', message: 'another is under way', hint: 'Wait for it.' };
    const api = await answering(409, JSON.stringify(refusal));
    const error = await api.startRollout({ slot: 's', model: 'm@1' }).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'ROLLOUT_CONFLICT' });
    expect(explainError(error)).toBe('another is under way.\n  Wait for it.');
  });

  it.each([
    [200, '{"hello":"world"}'],
    [200, '<html>'],
    [502, 'Bad gateway'],
  ])('does not take %i %s for an answer of Andon', async (status, body) => {
    const api = await answering(status, body);
    await expect(api.fleet()).rejects.toMatchObject({ code: 'SERVER_ANSWER_UNKNOWN' });
  });

  it('says how to reach a server when none answers', async () => {
    const api = new AdminApi('http://127.0.0.1:9');
    const error = await api.fleet().catch((e: unknown) => e);
    expect(explainError(error)).toMatch(
      /No Andon server answers at http:\/\/127\.0\.0\.1:9\.\n {2}Start one/,
    );
  });
});
