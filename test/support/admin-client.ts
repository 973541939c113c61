/** What tests ask a running server for, as the CLI would. */
import { encode } from '@msgpack/msgpack';
import { expect } from 'vitest';
import type { FleetView } from '../../sync-server/views/fleet.ts';

/** @param files a package that is on the list which the server has */
export async function publishPackage(serverUrl: string, files: ReadonlyMap<string, Buffer>): Promise<void> {
  const answer = await fetch(`${serverUrl}/api/models`, {
    method: 'POST',
    headers: { 'content-type': 'application/msgpack' },
    body: encode(Object.fromEntries(files)),
  });
  expect(answer.status).toBe(201);
}

export async function fleetOf(serverUrl: string): Promise<FleetView> {
  return (await fetch(`${serverUrl}/api/fleet`)).json() as Promise<FleetView>;
}
