/** A fetching device as a process of its own, to be killed: `<broker> <data folder> <ModelRef as JSON>`. */
import type { ModelRef } from '../../../protocol/messages.ts';
import { FetchingDevice } from './fetching-device.ts';

const [broker = '', dataDir = '', ref = ''] = process.argv.slice(2);
const device = await new FetchingDevice({ broker, dataDir }).start();
await device.fetch(JSON.parse(ref) as ModelRef);
process.stdout.write(`${JSON.stringify({ event: 'fetched', bytes: device.link.bytesReceived })}\n`);
await device.stop();
