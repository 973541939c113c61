/** Every decoder of what comes from a network, or from a file that people bring. A new one gets a line here. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { encode } from '@msgpack/msgpack';
import type { z } from 'zod';
import { inferRequestOf, readInferMessage } from '../../../agent/http/grpc/infer-message.ts';
import { INFER_REQUEST } from '../../../agent/http/grpc/oip-messages.ts';
import { encodeMessage } from '../../../agent/http/grpc/protobuf.ts';
import { parseInferRequest } from '../../../agent/http/oip/infer-request.ts';
import { parseGolden } from '../../../agent/models/golden-test.ts';
import { injectionSchema } from '../../../agent/sources/injection.ts';
import { decodeBatch, decodeBatchHeader } from '../../../protocol/batch.ts';
import { BATCH_DICTIONARY } from '../../../protocol/batch-dictionary.ts';
import { decodeBundle, encodeBundle } from '../../../protocol/bundle.ts';
import { decodeChunk, encodeChunk } from '../../../protocol/chunk-codec.ts';
import {
  generateSigningKey,
  openEnvelope,
  sealEnvelope,
  sha256Hex,
  signBytes,
} from '../../../protocol/keys.ts';
import { baselineProfileSchema } from '../../../protocol/manifest.ts';
import {
  ackSchema,
  birthSchema,
  desiredSchema,
  envelopeSchema,
  goneSchema,
  parseMessage,
  reportedSchema,
  wantSchema,
} from '../../../protocol/messages.ts';
import { parseMetadata, ROLES_OF_TRUST } from '../../../protocol/metadata.ts';
import { assemblePackage, chunkPackage, parsePackageIndex } from '../../../protocol/package-index.ts';
import { parseManifest } from '../../../protocol/package-verify.ts';
import { STREAMS } from '../../../protocol/records.ts';
import { parseUpTopic } from '../../../protocol/topics.ts';
import { TrustedSet } from '../../../protocol/trusted-set.ts';
import { parseServerConfig } from '../../../sync-server/config/load.ts';
import { parseRequest } from '../../../sync-server/http/error-reply.ts';
import { decodePackageBody } from '../../../sync-server/http/package-body.ts';
import { startRolloutSchema } from '../../../sync-server/http/rollout-routes.ts';
import { makePackage, manifestOf } from '../../support/packages.ts';
import { projectRoot } from '../../support/processes.ts';
import { TestTeam } from '../../support/trust.ts';
import { SOURCE_DECODERS } from './source-decoders.ts';

export interface Decoder {
  readonly name: string;
  /** Returns, or throws a CodedError. */
  readonly decode: (bytes: Buffer) => unknown;
  /** Valid inputs: taken as they are. */
  readonly seeds: readonly Buffer[];
  /** Inputs that are refused, and that chance would not find. */
  readonly hostile?: readonly Buffer[];
}

const HASH = 'a'.repeat(64);
const key = generateSigningKey();
const files = makePackage();
const packed = chunkPackage(files);
const index = packed.chunks.get(packed.indexSha256) ?? Buffer.alloc(0);
const chunks = [...packed.chunks.values()];
const team = new TestTeam().sign(files);
const metadata = team.bundle();
const bundle = encodeBundle({ metadata, files });
const BUNDLE_HEADER_BYTES = 16;
const BATCH_HEADER_BYTES = 36;
const BOMB_BYTES = 64 * 2 ** 20;

const ref = { name: 'tiny', version: 1, manifestSha256: HASH, indexSha256: HASH, sizeBytes: 10 };
const challenger = { model: ref, share: 0.05, rolloutId: 'r1' };
const desired = {
  v: 1,
  device: 'press-1',
  generation: 7,
  issuedAtMs: 1,
  slots: { press: { champion: ref, challenger } },
};
const envelope = sealEnvelope(key, desired, { indexSha256: HASH, sizeBytes: 9 });
const title = { manifestSha256: HASH, title: 'tiny 1' };
const reported = {
  v: 1,
  device: 'press-1',
  timeMs: 1,
  generation: 7,
  slots: {
    press: {
      champion: title,
      challenger: { ...title, share: 0.1 },
      install: { manifestSha256: HASH, state: 'fetching', reason: null, chunksHave: 1, chunksWant: 2 },
    },
  },
  trust: { root: 1, timestamp: 2, targets: 3, indexSha256: HASH },
  backlog: { predictions: 1, feedback: 0, metrics: 0, events: 0 },
};
const birth = {
  v: 1,
  device: 'press-1',
  timeMs: 1,
  agentVersion: '1.0.0',
  storeEpoch: '0123456789abcdef',
  labels: { site: 'north' },
  statusUrl: 'http://10.0.0.1:8080',
  slots: ['press'],
};
const rollout = {
  slot: 'press',
  model: 'tiny@2',
  labels: { site: 'north' },
  stages: [{ devices: 0.05, traffic: 0.05 }],
};

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function golden(name: string): Buffer {
  return readFileSync(join(projectRoot, 'test', 'golden', name));
}

const OIP_INPUT = { name: 'x', datatype: 'FP32', shape: [1, 2] } as const;
const OIP_INPUTS = [{ ...OIP_INPUT, shape: [-1, 2] }];

/** A body whose JSON ends where `}]}` is first seen. */
function oipBinary(datatype: string, tensor: Buffer): Buffer {
  const parameters = { binary_data_size: tensor.length };
  return Buffer.concat([json({ inputs: [{ ...OIP_INPUT, datatype, parameters }] }), tensor]);
}

function message(what: string, schema: z.ZodType, seed: unknown): Decoder {
  return {
    name: `message: ${what}`,
    decode: (bytes) => parseMessage(schema, bytes, what),
    seeds: [json(seed)],
  };
}

const batches = [
  'predictions-thinned-v2',
  ...STREAMS.flatMap((stream) => [`${stream}-v1`, `${stream}-v2`]),
].map((name) => golden(`${name}.bin`));

/** Behind deflate, where bytes that are changed at random never come. */
function batchBody(name: string): Decoder {
  const batch = golden(`${name}.bin`);
  return {
    name: `batch: body of ${name}`,
    decode: (bytes) => {
      const header = Buffer.from(batch.subarray(0, BATCH_HEADER_BYTES));
      header.writeUInt32LE(bytes.length, BATCH_HEADER_BYTES - 4);
      return decodeBatch(Buffer.concat([header, deflateRawSync(bytes, { level: 1 })]));
    },
    seeds: [inflateRawSync(batch.subarray(BATCH_HEADER_BYTES), { dictionary: BATCH_DICTIONARY })],
  };
}

/** One file of an update of trust is changed, the others are as they should be. */
function takenMetadata(name: string): Decoder {
  return {
    name: `metadata: ${name} taken by a device`,
    decode: (bytes) => {
      const changed = new Map([...metadata, [name, bytes]]);
      return TrustedSet.pinned(team.rootFile()).updated(changed, Date.now());
    },
    seeds: [metadata.get(name) ?? index],
  };
}

export const DECODERS: readonly Decoder[] = [
  { name: 'batch: header', decode: decodeBatchHeader, seeds: batches },
  { name: 'batch: whole', decode: decodeBatch, seeds: batches },
  ...STREAMS.map((stream) => batchBody(`${stream}-v1`)),
  batchBody('predictions-v2'),
  message('acknowledgement', ackSchema, { v: 1, storeEpoch: '0123456789abcdef', stream: 'events', seq: 9 }),
  message('birth', birthSchema, birth),
  message('gone', goneSchema, { v: 1, device: 'press-1' }),
  message('desired state', desiredSchema, desired),
  message('envelope', envelopeSchema, JSON.parse(envelope.toString())),
  message('reported state', reportedSchema, reported),
  message('want', wantSchema, { v: 1, device: 'press-1', chunks: [HASH] }),
  {
    name: 'envelope: opened',
    decode: (bytes) => openEnvelope([key], desiredSchema, bytes, 'desired state'),
    seeds: [envelope],
  },
  {
    name: 'envelope: payload of a server gone bad',
    decode: (bytes) => {
      const payload = bytes.toString('utf8');
      const signature = signBytes(key, Buffer.from(payload));
      return openEnvelope(
        [key],
        desiredSchema,
        json({ v: 1, payload, keyId: key.keyId, signature }),
        'desired state',
      );
    },
    seeds: [json(desired)],
  },
  {
    name: 'topic',
    decode: (bytes) => parseUpTopic(bytes.toString('utf8')),
    seeds: [Buffer.from('andon/v1/press-1/up/events'), Buffer.from('andon/v1/d/birth')],
  },
  {
    name: 'package index, then its files put together',
    decode: (bytes) => {
      const parsed = parsePackageIndex(bytes, sha256Hex(bytes));
      return assemblePackage(parsed, (hash) => packed.chunks.get(hash));
    },
    seeds: [index],
  },
  {
    name: 'chunk',
    decode: (bytes) => decodeChunk(chunkNameOf(bytes), bytes),
    seeds: chunks.map(encodeChunk),
    hostile: [Buffer.concat([Buffer.of(1), deflateRawSync(Buffer.alloc(BOMB_BYTES))])],
  },
  {
    name: 'manifest',
    decode: parseManifest,
    seeds: [
      files.get('manifest.json') ?? index,
      readFileSync(join(projectRoot, 'models', 'milling-failure', '1', 'manifest.json')),
    ],
  },
  {
    name: 'golden samples',
    decode: (bytes) => parseGolden(manifestOf(files), bytes),
    seeds: [files.get('golden.json') ?? index],
  },
  {
    name: 'baseline profile',
    decode: (bytes) => parseRequest(baselineProfileSchema, jsonOf(bytes)),
    seeds: [files.get('baseline.json') ?? index],
  },
  ...ROLES_OF_TRUST.map((role) => ({
    name: `metadata: ${role}`,
    decode: (bytes: Buffer) => parseMetadata(role, bytes, role),
    seeds: [metadata.get(role === 'root' ? '1.root.json' : `${role}.json`) ?? index],
  })),
  ...[...metadata.keys()].map(takenMetadata),
  { name: 'bundle', decode: decodeBundle, seeds: [bundle] },
  {
    name: 'bundle: body',
    decode: (bytes) => {
      const header = Buffer.from(bundle.subarray(0, BUNDLE_HEADER_BYTES));
      header.writeUInt32LE(bytes.length, BUNDLE_HEADER_BYTES - 4);
      return decodeBundle(Buffer.concat([header, deflateRawSync(bytes, { level: 1 })]));
    },
    seeds: [inflateRawSync(bundle.subarray(BUNDLE_HEADER_BYTES))],
  },
  {
    name: 'HTTP: package',
    decode: decodePackageBody,
    seeds: [Buffer.from(encode(Object.fromEntries(files)))],
  },
  {
    name: 'HTTP: rollout',
    decode: (bytes) => parseRequest(startRolloutSchema, jsonOf(bytes)),
    seeds: [json(rollout)],
  },
  {
    name: 'HTTP: injection',
    decode: (bytes) => parseRequest(injectionSchema, jsonOf(bytes)),
    seeds: [json({ kind: 'drift', feature: 'torque_nm', shift: 1 })],
  },
  {
    name: 'server configuration',
    decode: (bytes) => parseServerConfig(jsonOf(bytes), '/'),
    seeds: [json({ dataDir: './data', http: { port: 1 } })],
  },
  {
    name: 'Open Inference Protocol: JSON',
    decode: (bytes) => parseInferRequest(bytes, undefined, OIP_INPUTS),
    seeds: [json({ id: '1', inputs: [{ ...OIP_INPUT, data: [[1, 2]] }], outputs: [{ name: 'p' }] })],
    hostile: [json({ inputs: [{ ...OIP_INPUT, shape: [2 ** 53, 2 ** 53], data: [1] }] })],
  },
  {
    name: 'Open Inference Protocol: JSON and binary',
    decode: (bytes) => parseInferRequest(bytes, bytes.indexOf('}]}') + 3 || undefined, OIP_INPUTS),
    seeds: [
      oipBinary('FP32', Buffer.from(Float32Array.of(1, 2).buffer)),
      oipBinary('BYTES', Buffer.of(1, 0, 0, 0, 65, 0, 0, 0, 0)),
    ],
  },
  {
    name: 'Open Inference Protocol: gRPC',
    decode: (bytes) => inferRequestOf(readInferMessage(bytes), 0),
    seeds: [
      encodeMessage(INFER_REQUEST, {
        model_name: 'm',
        parameters: [{ key: 'priority', value: { int64_param: 1 } }],
        inputs: [{ ...OIP_INPUT, contents: { fp32_contents: [1, 2] } }],
        outputs: [{ name: 'p', parameters: [{ key: 'classification', value: { int64_param: 2 } }] }],
      }),
      encodeMessage(INFER_REQUEST, {
        model_name: 'm',
        inputs: [OIP_INPUT],
        raw_input_contents: [Buffer.alloc(8)],
      }),
    ],
    hostile: [
      encodeMessage(INFER_REQUEST, {
        model_name: 'm',
        inputs: [{ ...OIP_INPUT, shape: [2 ** 52, 2 ** 52] }],
      }),
    ],
  },
  {
    name: 'Open Inference Protocol: one raw tensor',
    decode: (bytes) => parseInferRequest(bytes, 0, OIP_INPUTS),
    seeds: [Buffer.alloc(16)],
  },
  ...SOURCE_DECODERS,
];

/** As fastify does before a handler sees it: what is no JSON gets no further. */
function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** What a device that asked for one of the chunks would compare these bytes with. */
function chunkNameOf(bytes: Buffer): string {
  const same = chunks.find((plain) => encodeChunk(plain).equals(bytes));
  return sha256Hex(same ?? '');
}
