/** Which routes a program really serves: heard from fastify itself as they are registered, so that no new one is forgotten. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { FastifyInstance } from 'fastify';

export interface Route {
  readonly method: string;
  /** With its parameters: `/api/models/:name`. */
  readonly url: string;
}

const CREATED = 'fastify.initialization';

/** @returns what `start` returned, and every route of every instance of fastify that was made meanwhile */
export async function withRoutes<T>(start: () => Promise<T>): Promise<{ started: T; routes: Route[] }> {
  const routes: Route[] = [];
  const listen = (message: unknown) => {
    (message as { fastify: FastifyInstance }).fastify.addHook('onRoute', ({ method, url }) => {
      for (const each of [method].flat()) routes.push({ method: each, url });
    });
  };
  subscribe(CREATED, listen);
  try {
    return { started: await start(), routes };
  } finally {
    unsubscribe(CREATED, listen);
  }
}
