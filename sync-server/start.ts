/** The server's program. Run: `node sync-server/start.ts [--config file]`. The list of the parts is main.ts. */
import { parseArgs } from 'node:util';
import { runServer } from './run-server.ts';

const { values } = parseArgs({ options: { config: { type: 'string' } } });
await runServer(values.config);
