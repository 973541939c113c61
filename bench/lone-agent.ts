/** A device with one simulated line and no server, as `npm run build` made it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
/** Of the package that it runs. */
export const loneModel = join(root, 'models', 'milling-failure', '2');

/** @returns what node is called with; its data go into the folder */
export function loneAgent(folder: string, ratePerS: number): string[] {
  const config = {
    device: { id: 'bench' },
    dataDir: join(folder, 'data'),
    sources: { line: { kind: 'simulated-line', ratePerS } },
    slots: { 'machine-failure': { source: 'line', model: loneModel } },
    trust: { metadata: join(root, 'models', 'trust') },
    http: { port: 0 },
  };
  const path = join(folder, 'device.config.json');
  writeFileSync(path, JSON.stringify(config));
  return [join(root, 'dist', 'agent', 'start.js'), '--config', path];
}

/** What the service unit sets for the agent. */
export function serviceEnvironment(): Record<string, string> {
  const unit = readFileSync(join(root, 'deploy', 'andon-agent.service'), 'utf8');
  return Object.fromEntries(
    [...unit.matchAll(/^Environment=(\w+)=(\S+)$/gm)].map(([, name, value]) => [name, value]),
  );
}
