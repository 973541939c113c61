/**
 * The agent's program: its engine process first, which starts up while the agent's own code is still being loaded.
 * Run: `node agent/start.ts [--config device.config.json]`. The list of the parts is main.ts.
 */
import { parseArgs } from 'node:util';
import { spawnEngine } from './inference/engine-spawn.ts';

const { values } = parseArgs({ options: { config: { type: 'string', default: 'device.config.json' } } });
const engine = spawnEngine();
const { runAgent } = await import('./run-agent.ts');
await runAgent(values.config, engine, () => spawnEngine());
