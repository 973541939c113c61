/** The configurations of the demo's server and its three milling lines. Pure. */
import { join } from 'node:path';
import type { z } from 'zod';
import type { deviceConfigSchema } from '../../agent/config/schema.ts';
import type { serverConfigSchema } from '../../sync-server/config/schema.ts';

export const DEMO_SLOT = 'machine-failure';

export const DEMO_DEVICES = [
  { id: 'mill-1', ratePerS: 60, seed: 11 },
  { id: 'mill-2', ratePerS: 70, seed: 12 },
  { id: 'mill-3', ratePerS: 60, seed: 13 },
] as const;

export interface DemoPlaces {
  /** Data folder of the demo, absolute. */
  readonly folder: string;
  /** Shipped model packages, absolute. */
  readonly models: string;
  /** Keys folder of the demo's release team, absolute. */
  readonly keys: string;
  readonly brokerPort: number;
}

export function serverConfig(places: DemoPlaces, httpPort: number): z.input<typeof serverConfigSchema> {
  return {
    dataDir: join(places.folder, 'server'),
    broker: { kind: 'embedded', port: places.brokerPort },
    http: { port: httpPort },
    rollouts: { everyMs: 500, minPairs: 300 },
  };
}

export function deviceConfig(
  places: DemoPlaces,
  device: (typeof DEMO_DEVICES)[number],
  httpPort: number,
): z.input<typeof deviceConfigSchema> {
  return {
    device: { id: device.id, labels: { site: 'demo', line: 'milling', station: device.id } },
    dataDir: join(places.folder, device.id),
    sources: {
      line: {
        kind: 'simulated-line',
        ratePerS: device.ratePerS,
        seed: device.seed,
        station: device.id,
        eventDelayMs: 300,
        // A hall whose temperature wanders over hours would look like drift in a window of seconds.
        temperatureMemoryParts: 2,
      },
    },
    slots: {
      [DEMO_SLOT]: {
        source: 'line',
        model: join(places.models, 'milling-failure', '1'),
        feedback: [
          { name: 'failed', when: 'event', event: 'machine-failed', label: 'failure' },
          {
            name: 'no-failure',
            when: 'absence',
            event: 'machine-failed',
            withinMs: 2000,
            label: 'ok',
            weight: 0.9,
          },
        ],
        probation: { predictions: 100, forMs: 2000 },
      },
    },
    store: { maxBytes: 256 * 1024 * 1024 },
    sync: { broker: `mqtt://127.0.0.1:${places.brokerPort}`, retryMs: 500 },
    trust: { metadata: join(places.keys, 'metadata') },
    http: { port: httpPort },
  };
}
