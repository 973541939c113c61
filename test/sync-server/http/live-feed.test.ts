import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { LiveFeed } from '../../../sync-server/http/live-feed.ts';
import type { FleetView } from '../../../sync-server/views/fleet.ts';

const VIEW: FleetView = {
  nowMs: 0,
  server: { version: '1', broker: 'b', keyId: 'k' },
  trust: { serverPublicKey: 'p', online: false, metadata: null },
  devices: [],
  models: [],
  rollouts: [],
  mlflow: null,
  retraining: [],
  events: [],
  drift: [],
  refused: {},
  deadLetters: { kept: 0, newest: [] },
};

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function feedOf(view: () => FleetView) {
  const errors: unknown[] = [];
  const feed = new LiveFeed(view, (error) => errors.push(error));
  onTestFinished(() => feed.stop());
  const listen = () => {
    const response = new ServerResponse(new IncomingMessage(new Socket()));
    const write = vi.spyOn(response, 'write');
    return { response, write, added: feed.add(response, () => true) };
  };
  return { feed, errors, listen };
}

describe('the live feed', () => {
  it('outlives a view that cannot be made, and goes on with the next', () => {
    let refused = 0;
    let broken = false;
    const { errors, listen } = feedOf(() => {
      if (broken) throw new Error('disk I/O error');
      return { ...VIEW, refused: { X: refused } };
    });
    const { write } = listen();
    broken = true;
    vi.advanceTimersByTime(1000);
    expect(errors).toHaveLength(2);
    broken = false;
    refused = 1;
    vi.advanceTimersByTime(500);
    expect(write).toHaveBeenCalledTimes(2);
  });

  it('keeps no listener to which it could not send the first view', () => {
    let broken = true;
    const { listen, errors } = feedOf(() => {
      if (broken) throw new Error('disk I/O error');
      return VIEW;
    });
    expect(listen).toThrow('disk I/O error');
    broken = false;
    vi.advanceTimersByTime(60_000);
    expect(errors).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('takes a bounded number of listeners, and stops working when the last has gone', () => {
    const { listen } = feedOf(() => VIEW);
    const all = Array.from({ length: 65 }, listen);
    expect(all.map(({ added }) => added)).toEqual([...Array.from({ length: 64 }, () => true), false]);
    for (const { response } of all) response.emit('close');
    expect(vi.getTimerCount()).toBe(0);
  });
});
