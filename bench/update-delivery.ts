/**
 * What a model costs on the wire: real server parts, a real broker, real links and fetchers of devices. Bytes are counted at
 * their sockets, so that topics, acknowledgements and all else that MQTT adds are in.
 */
import { chunkPackage } from '../protocol/package-index.ts';
import { CUTS, shareToSend, sizeOf } from './update-chunking.ts';
import {
  floatModel,
  grownModel,
  headFirstModel,
  int8Model,
  sameWeights,
  type Variant,
} from './update-packages.ts';
import { DeviceRig, ServerRig } from './update-rig.ts';

const MANY_DEVICES = 50;
/** What a new connection costs by itself: CONNACK, SUBACKs, PUBACKs. */
const HANDSHAKE_BYTES = 100;
const CUT_AT_SHARES = [0.1, 0.37, 0.5, 0.73, 0.95];

interface Half {
  readonly ratios: Record<string, number>;
  readonly figures: Record<string, number>;
}

export async function runDelivery(say: (line: string) => void): Promise<Half> {
  const before = floatModel(1);
  const cases: Record<string, [Variant | null, Variant]> = {
    full: [null, before],
    headOnly: [before, floatModel(1, 2)],
    grownHead: [headFirstModel(1), grownModel(1)],
    int8Moved: [int8Model(1, 0, 1), int8Model(1, 0.05, 2)],
    int8FullRetrain: [int8Model(1, 0, 1), int8Model(2, 0, 2)],
    metadataOnly: [before, sameWeights(before)],
  };
  const ratios: Record<string, number> = {};
  const figures: Record<string, number> = {};
  for (const [name, [old, next]] of Object.entries(cases)) {
    ratios[name] = (await bytesOfUpdate(old, next)) / sizeOf(next);
    say(`${name}: ${percent(ratios[name])} of ${Math.round(sizeOf(next) / 1024)} KiB came over the wire`);
    if (!old) continue;
    for (const [cut, ends] of Object.entries(CUTS)) {
      figures[`${name}By${cut[0]?.toUpperCase()}${cut.slice(1)}`] = shareToSend(ends, old, next);
    }
  }
  const one = await serverBytes(before, 1);
  const many = await serverBytes(before, MANY_DEVICES);
  ratios.serverBytes50to1 = many / one;
  say(`server: ${one} bytes for one device, ${many} for ${MANY_DEVICES}`);
  Object.assign(figures, await refetchedAfterCut(before, say));
  return { ratios, figures };
}

async function bytesOfUpdate(old: Variant | null, next: Variant): Promise<number> {
  return withDevice(next, async (device, ref) => {
    if (old) device.has(old.files);
    return device.fetch(ref);
  });
}

/**
 * What a cut in the middle makes come again, the most over several places to cut: chunks that came whole more than once, and
 * the one that was under way; and its bytes.
 */
async function refetchedAfterCut(
  next: Variant,
  say: (line: string) => void,
): Promise<{ refetchedChunksAfterCut: number; refetchedBytesAfterCut: number }> {
  const whole = await bytesOfUpdate(null, next);
  const { chunks } = chunkPackage(next.files);
  let worst = { refetchedChunksAfterCut: 0, refetchedBytesAfterCut: 0 };
  for (const share of CUT_AT_SHARES) {
    const bytes = await withDevice(next, async (device, ref) => {
      const came = await device.cutAfter(whole * share).fetch(ref);
      return { again: came - whole, twice: device.chunksCome - chunks.size };
    });
    const came = {
      refetchedChunksAfterCut: bytes.twice + (bytes.again > HANDSHAKE_BYTES ? 1 : 0),
      refetchedBytesAfterCut: bytes.again,
    };
    say(
      `cut at ${percent(share)}: ${came.refetchedChunksAfterCut} chunk(s), ${bytes.again} bytes came again`,
    );
    if (came.refetchedBytesAfterCut > worst.refetchedBytesAfterCut) worst = came;
  }
  return worst;
}

async function serverBytes(next: Variant, devices: number): Promise<number> {
  const server = await new ServerRig().start(next.files, devices);
  const fleet = await Promise.all(
    Array.from({ length: devices }, (_, i) => DeviceRig.start(`device-${i}`, server.brokerPort)),
  );
  try {
    await Promise.all(fleet.map((device) => device.fetch(refOf(server))));
    return server.sentBytes;
  } finally {
    await Promise.all(fleet.map((device) => device.stop()));
    await server.stop();
  }
}

async function withDevice<T>(
  next: Variant,
  work: (device: DeviceRig, ref: ReturnType<typeof refOf>) => Promise<T>,
): Promise<T> {
  const server = await new ServerRig().start(next.files, 1);
  const device = await DeviceRig.start('device-0', server.brokerPort);
  try {
    return await work(device, refOf(server));
  } finally {
    await device.stop();
    await server.stop();
  }
}

function refOf({ ref }: ServerRig) {
  if (!ref) throw new Error('the server has published nothing');
  return ref;
}

function percent(share = 0): string {
  return `${(share * 100).toFixed(1)} %`;
}
