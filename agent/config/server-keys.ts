/** Whom this device obeys. */
import type { Logger } from 'pino';
import { codeOf } from '../../protocol/errors.ts';
import type { PublicKey } from '../../protocol/keys.ts';
import { readTrustedKeys } from '../../protocol/trusted-keys.ts';
import type { Counters } from '../counters.ts';
import type { DeviceConfig } from './schema.ts';

/** A device without its server's key runs and records all the same; it only obeys nobody, and says so. */
export function readServerKeys(config: DeviceConfig, log: Logger, counters: Counters): PublicKey[] {
  try {
    return readTrustedKeys(config.trust.serverKeys);
  } catch (error) {
    counters.add(codeOf(error));
    const hint =
      'Start the server once, copy its keys/server-public.json to that path, and start the agent again.';
    log.warn({ event: 'server-key-missing', code: codeOf(error), hint }, String(error));
    return [];
  }
}
