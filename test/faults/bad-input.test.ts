/** Bad input at every door of a working device and server: each is refused under a code that a person sees, and work goes on. */
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { connectAsync } from 'mqtt';
import { expect, it, onTestFinished } from 'vitest';
import { encodeBatch } from '../../protocol/batch.ts';
import { encodeChunk } from '../../protocol/chunk-codec.ts';
import { generateSigningKey, sealEnvelope } from '../../protocol/keys.ts';
import { clientIdOf, topics } from '../../protocol/topics.ts';
import { FakeServer } from '../agent/sync/fake-server.ts';
import { startAedes } from '../support/brokers.ts';
import { chunked } from '../support/chunks.ts';
import { makePackage, readFiles } from '../support/packages.ts';
import { projectRoot, waitFor } from '../support/processes.ts';
import { steelPlatesCsv } from '../support/steel-plates.ts';
import { EPOCH, prediction, predictionBatch } from '../sync-server/support.ts';
import { DeviceProcess, PLATES } from './support/device-process.ts';
import { tabulate } from './support/fault-table.ts';
import { testTimeoutMs } from './support/form.ts';
import { countPlates, positionReached } from './support/ledger.ts';
import { endExactlyOnce } from './support/outcome.ts';
import { Registry } from './support/registry.ts';
import { newFolder } from './support/scene.ts';
import { ServerProcess } from './support/server-process.ts';

const TEN_MEGABYTES = 10 * 1024 * 1024;

it(
  'refuses and counts each row of a file that is no sample, and predicts all the others',
  async () => {
    const rows = steelPlatesCsv(PLATES, 1).trimEnd().split('\n');
    const good = String(rows[1]).split(',');
    const withCell = (at: number, text: string) => good.map((cell, i) => (i === at ? text : cell)).join(',');
    const bad = [
      good.slice(0, 5).join(','),
      [...good, '1'].join(','),
      withCell(1, 'yesterday'),
      withCell(2, ''),
      withCell(2, 'NaN'),
      withCell(2, '1,5'),
      withCell(3, '1e999'),
      withCell(4, 'text'),
      withCell(5, '"never closed'),
      withCell(0, 'x'.repeat(200)),
      '\u0000\u0000\u0000',
    ];
    const tooLong = withCell(2, '7'.repeat(TEN_MEGABYTES));
    rows.splice(300, 0, ...bad.slice(6));
    rows.splice(200, 0, tooLong);
    rows.splice(100, 0, ...bad.slice(0, 6));
    const made = rows.length - 1;

    const device = new DeviceProcess(newFolder(), { samples: made, csv: `${rows.join('\n')}\n` });
    await device.start();
    await device.unsentAtLeast(PLATES);
    const { counters } = await device.status();
    expect(counters).toEqual({ SAMPLE_INVALID: bad.length, SOURCE_ROW_TOO_LONG: 1 });
    expect(await device.end()).toBe(0);
    expect(positionReached(device.database)).toBe(made);
    const { records, lost, doubled } = countPlates('device', device.database, PLATES, device.id);
    expect({ records, lost, doubled }).toEqual({ records: PLATES, lost: 0, doubled: 0 });
    await tabulate({
      fault: '8 rows of a CSV file that are no samples',
      times: bad.length + 1,
      made,
      recorded: records,
      atServer: null,
      lost,
      doubled,
      seen: `SAMPLE_INVALID ${bad.length}, SOURCE_ROW_TOO_LONG 1`,
    });
  },
  testTimeoutMs,
);

it.each([
  ['lacks a column that the configuration names', 'part,a\n1,2\n', 'SOURCE_COLUMN_MISSING'],
  ['is not there', null, 'SOURCE_FILE_UNREADABLE'],
])(
  'works on for the other slot when the file of one %s',
  async (what, text, code) => {
    const folder = newFolder();
    const path = join(folder, 'other.csv');
    if (text !== null) writeFileSync(path, text);
    const device = new DeviceProcess(folder, {
      everyMs: 2,
      other: {
        source: { kind: 'file', path, format: 'csv', timeColumn: 'time' },
        slot: { model: join(projectRoot, 'models', 'steel-surface', '1') },
      },
    });
    await device.start();
    await device.unsentAtLeast(100);
    const { counters, events } = await device.status();
    expect(counters).toEqual({ [code]: 1 });
    expect(events).toContainEqual(
      expect.objectContaining({
        kind: 'source-not-started',
        severity: 'alarm',
        message: expect.stringContaining('other'),
      }),
    );
    await tabulate({
      fault: `8 file of another slot ${what}`,
      times: 1,
      ...(await endExactlyOnce(device)),
      seen: `${code} 1, the event source-not-started`,
    });
  },
  testTimeoutMs,
);

it(
  'refuses what is wrong at the doors of a device, counts each under its code, and loses nothing',
  async () => {
    const folder = newFolder();
    const broker = await startAedes();
    onTestFinished(() => broker.stop());
    const server = await new FakeServer().start(broker.url);
    onTestFinished(() => server.stop());
    const champion = readFiles(join(projectRoot, 'models', 'steel-surface', '1'));
    const device = new DeviceProcess(folder, {
      broker: broker.url,
      everyMs: 2,
      metadata: server.team.sign(champion).writeMetadata(join(folder, 'metadata')),
    });
    await device.start();
    await waitFor(() => server.births.length > 0, 10_000, 'the device');
    const { storeEpoch } = (await device.status()).store;

    const doors: string[] = [];
    const refuses = async (code: string, send: () => Promise<unknown>) => {
      const before = await device.counted(code);
      await send();
      await waitFor(async () => (await device.counted(code)) > before, 10_000, `one more ${code}`);
      doors.push(code);
    };
    const post = async (headers: Record<string, string>, body: string, status: number) => {
      expect(await postRaw(`${device.url}/api/feedback`, headers, body)).toBe(status);
    };
    const json = { 'content-type': 'application/json' };
    await refuses('REQUEST_INVALID', () => post(json, '{"predictionId":1}', 400));
    await refuses('REQUEST_INVALID', () => post(json, '{"predic', 400));
    await refuses('REQUEST_INVALID', () => post({ 'content-type': 'text/plain' }, '{}', 400));
    await refuses('REQUEST_TOO_LARGE', () => post(json, `"${'x'.repeat(TEN_MEGABYTES / 10)}"`, 413));
    await refuses('HOST_REFUSED', () => post({ ...json, host: 'evil.example' }, '{}', 403));
    await refuses('ORIGIN_REFUSED', () => post({ ...json, origin: 'http://evil.example' }, '{}', 403));

    const ack = { v: 1, storeEpoch, stream: 'predictions', seq: 1 };
    const onAck = (payload: Buffer | string) => server.publish(topics.ack(device.id, 'predictions'), payload);
    await refuses('PAYLOAD_MALFORMED', () => onAck('no json'));
    await refuses('PAYLOAD_MALFORMED', () => onAck(JSON.stringify(ack).slice(0, -1)));
    await refuses('PAYLOAD_TOO_LARGE', () => onAck(Buffer.alloc(200_000, 0x20)));
    await refuses('PAYLOAD_VERSION_UNKNOWN', () => onAck(JSON.stringify({ ...ack, v: 2 })));
    await refuses('ACK_REFUSED', () => onAck(JSON.stringify({ ...ack, seq: Number.MAX_SAFE_INTEGER })));
    await refuses('ACK_REFUSED', () => onAck(JSON.stringify({ ...ack, storeEpoch: EPOCH })));

    const desired = { v: 1, device: device.id, generation: 1, issuedAtMs: 0, slots: {} } as const;
    const onDesired = (payload: Buffer | string) => server.publish(topics.desired(device.id), payload);
    await refuses('PAYLOAD_MALFORMED', () => onDesired(JSON.stringify(desired)));
    await refuses('SIGNATURE_UNTRUSTED', () => onDesired(sealEnvelope(generateSigningKey(), desired)));
    await refuses('SIGNATURE_INVALID', () =>
      onDesired(String(sealEnvelope(server.key, desired)).replace('generation\\":1', 'generation\\":2')),
    );
    await refuses('DESIRED_REFUSED', () =>
      onDesired(sealEnvelope(server.key, { ...desired, device: 'someone-else' })),
    );

    const files = makePackage();
    const [chunk = ''] = chunked(files).chunks.keys();
    const index = chunked(files).indexSha256;
    /** Retained: it is there whenever the device asks. */
    const onChunk = (payload: Buffer | string) => server.publish(topics.chunk(index), payload, true);
    await new Registry(server, device.id).want(files, { only: [] });
    await refuses('PACKAGE_HASH_MISMATCH', () => onChunk(encodeChunk(Buffer.from('other bytes'))));
    await refuses('PAYLOAD_TOO_LARGE', () => onChunk(Buffer.alloc(200_000)));
    await server.publish(topics.chunk(chunk), 'nobody asked for it');

    const seq = await device.lastSeq();
    await waitFor(async () => (await device.lastSeq()) > seq + 100, 10_000, 'predictions');
    expect((await device.status()).link.connected).toBe(true);
    await tabulate({
      fault: '8 bad input over HTTP and MQTT to a device',
      times: doors.length,
      ...(await endExactlyOnce(device)),
      seen: [...new Set(doors)].sort().join(', '),
    });
  },
  testTimeoutMs,
);

it(
  'refuses what is wrong at the doors of a server, counts each under its code, and loses nothing of an honest device',
  async () => {
    const folder = newFolder();
    const server = await ServerProcess.start(folder);
    const samples = 20_000;
    const device = new DeviceProcess(folder, { samples, broker: server.brokerUrl });
    await device.start();

    const doors: string[] = [];
    const refuses = async (code: string, topic: string, payload: Buffer | string) => {
      const count = async () => (await server.fleet()).refused[code] ?? 0;
      const before = await count();
      // A connection of its own: the broker cuts those that send far too much.
      const clientId = clientIdOf('stranger');
      const client = await connectAsync(server.brokerUrl, {
        clientId,
        protocolVersion: 4,
        reconnectPeriod: 0,
      });
      client.on('error', () => undefined);
      client.publish(topic, payload, { qos: 0 });
      await waitFor(async () => (await count()) > before, 10_000, `one more ${code}`);
      await client.endAsync(true);
      doors.push(code);
    };
    const up = topics.up('stranger', 'predictions');
    const batch = predictionBatch(1, 50);
    await refuses('PAYLOAD_TRUNCATED', up, batch.subarray(0, 20));
    await refuses('PAYLOAD_TRUNCATED', up, batch.subarray(0, batch.length - 10));
    await refuses('PAYLOAD_MALFORMED', up, Buffer.alloc(5000, 0xff));
    await refuses('PAYLOAD_VERSION_UNKNOWN', up, withByte(batch, 1, 0xff));
    await refuses('TOPIC_MISMATCH', topics.up('stranger', 'events'), batch);
    await refuses('PAYLOAD_EXPANDS_TOO_FAR', up, zipBomb(1000));
    await refuses('PAYLOAD_EXPANDS_TOO_FAR', up, zipBomb(64 * 1024 * 1024));
    await refuses('PAYLOAD_TOO_LARGE', up, Buffer.alloc(TEN_MEGABYTES));
    await refuses('BATCH_GAP', up, predictionBatch(10, 20));
    await refuses('PAYLOAD_MALFORMED', topics.birth('stranger'), '{"v":1}');
    await refuses('PAYLOAD_VERSION_UNKNOWN', topics.reported('stranger'), '{"v":2}');
    await refuses(
      'TOPIC_MISMATCH',
      topics.want('stranger'),
      JSON.stringify({ v: 1, device: 'x', chunks: ['a'.repeat(64)] }),
    );
    await refuses('TOPIC_REFUSED', topics.ack(device.id, 'predictions'), '{}');
    await refuses('TOPIC_REFUSED', topics.desired(device.id), '{}');

    const asMsgpack = { 'content-type': 'application/msgpack' };
    expect(await postRaw(`${server.url}/api/models`, asMsgpack, 'no package')).toBe(400);
    expect(await postRaw(`${server.url}/api/rollouts`, { 'content-type': 'application/json' }, '[]')).toBe(
      400,
    );
    expect(await postRaw(`${server.url}/api/rollouts`, { host: 'evil.example' }, '{}')).toBe(400);

    await server.receivedAll(device.id, samples);
    await tabulate({
      fault: '8 bad input over MQTT and HTTP to a server',
      times: doors.length + 3,
      ...(await endExactlyOnce(device, { made: samples, server })),
      seen: [...new Set(doors)].sort().join(', '),
    });
  },
  testTimeoutMs,
);

/** A batch whose body inflates to 64 MB of nothing, whatever it claims. */
function zipBomb(claimedBytes: number): Buffer {
  const header = encodeBatch('predictions', EPOCH, [prediction(1)]).subarray(0, 36);
  const bomb = Buffer.concat([header, deflateRawSync(Buffer.alloc(64 * 1024 * 1024))]);
  bomb.writeUInt32LE(claimedBytes, 32);
  return bomb;
}

function withByte(bytes: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(value, at);
  return copy;
}

/** As `fetch`, which would not send another `Host`. @returns the status */
function postRaw(url: string, headers: Record<string, string>, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
