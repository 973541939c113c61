/** The JSON messages of the wire. Unknown fields are ignored; an unknown `v` is refused by `parseMessage`. */
import { z } from 'zod';
import { alarmSchema, MAX_ALARMS } from './alarms.ts';
import { type CodedError, protocolError } from './errors.ts';
import { LIMITS } from './limits.ts';
import { STREAMS } from './records.ts';
import { deviceIdSchema } from './topics.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const storeEpoch = z.string().regex(/^[0-9a-f]{16}$/);
const labels = z.record(z.string().max(64), z.string().max(128));

export const MAX_INHERITED = 8;

/**
 * The epochs from which a restored or salvaged database goes on, newest first: what a server has of one of them up to these
 * seqs, it has of this one.
 */
export const inheritedSchema = z
  .array(z.object({ storeEpoch, heads: z.record(z.enum(STREAMS), z.int().min(0)) }))
  .max(MAX_INHERITED);

export const birthSchema = z.object({
  v: z.literal(1),
  device: deviceIdSchema,
  timeMs: z.int(),
  agentVersion: z.string().max(64),
  storeEpoch,
  labels,
  /** Where the operators' page of this device is, if anywhere. */
  statusUrl: z.string().max(256).optional(),
  slots: z.array(z.string().max(64)).max(64),
  inherits: inheritedSchema.optional(),
});
export type Birth = z.infer<typeof birthSchema>;

export const goneSchema = z.object({ v: z.literal(1), device: deviceIdSchema });

/** Committed by the server up to and with `seq`, of this epoch. The only thing that moves a device's cursor. */
export const ackSchema = z.object({
  v: z.literal(1),
  storeEpoch,
  stream: z.enum(STREAMS),
  seq: z.int().min(0),
  /** Wall clock of the server as it sent this. Old servers do not say. */
  timeMs: z.int().optional(),
  /** The last birth that the server has heard is not of this epoch: say it again. Old servers do not ask. */
  wantsBirth: z.boolean().optional(),
});
export type Ack = z.infer<typeof ackSchema>;

/** One model package: `index` is the chunk that lists its files and chunks (see package-index.ts). */
export const modelRefSchema = z.object({
  name: z.string().max(63),
  version: z.int().min(1),
  tag: z.string().max(63).optional(),
  manifestSha256: sha256,
  indexSha256: sha256,
  sizeBytes: z.int().min(0).max(LIMITS.packageBytes),
});
export type ModelRef = z.infer<typeof modelRefSchema>;

/** The reference of a package, as its manifest names it. */
export function modelRefOf(
  { name, version, tag }: { name: string; version: number; tag?: string | undefined },
  packed: Pick<ModelRef, 'manifestSha256' | 'indexSha256' | 'sizeBytes'>,
): ModelRef {
  return { name, version, ...(tag === undefined ? {} : { tag }), ...packed };
}

export const desiredSlotSchema = z.object({
  champion: modelRefSchema,
  challenger: z
    .object({
      model: modelRefSchema,
      /** Share of samples that the challenger decides, 0..1; on the others it looks on as a shadow. */
      share: z.number().min(0).max(1),
      rolloutId: z.string().max(64),
    })
    .nullable(),
});
export type DesiredSlot = z.infer<typeof desiredSlotSchema>;

export const desiredSchema = z.object({
  v: z.literal(1),
  device: deviceIdSchema,
  /** Only ever grows for a device; the newest always wins. */
  generation: z.int().min(1),
  issuedAtMs: z.int(),
  slots: z.record(z.string().max(64), desiredSlotSchema),
});
export type Desired = z.infer<typeof desiredSchema>;

/** Where a model stands on a device. */
export const INSTALL_STATES = [
  'wanted',
  'fetching',
  'verifying',
  'staged',
  'testing',
  'challenger',
  'probation',
  'committed',
  'refused',
  'rolled-back',
] as const;
export type InstallState = (typeof INSTALL_STATES)[number];

const reportedSlotSchema = z.object({
  /** What really runs, by hash; null when the slot has no model. */
  champion: z.object({ manifestSha256: sha256, title: z.string().max(160) }).nullable(),
  challenger: z
    .object({ manifestSha256: sha256, title: z.string().max(160), share: z.number().min(0).max(1) })
    .nullable(),
  /** The state of the model that was last asked for, and why it is not running if it is not. */
  install: z
    .object({
      manifestSha256: sha256,
      state: z.enum(INSTALL_STATES),
      reason: z.string().max(512).nullable(),
      /** It could begin to decide but for this: `hold` (an operator's), `window`, or what newer agents know; `reason` has the words. */
      waitsFor: z.string().max(32).optional(),
      /** Name and version, where the order tells them. */
      title: z.string().max(160).optional(),
      chunksHave: z.int().min(0),
      chunksWant: z.int().min(0),
    })
    .nullable(),
  /** After this long without an event the slot's feedback rules conclude that nothing happened; absent: no rule does. */
  labelsAfterMs: z.int().min(0).optional(),
});
export type ReportedSlot = z.infer<typeof reportedSlotSchema>;

export const reportedSchema = z.object({
  v: z.literal(1),
  device: deviceIdSchema,
  timeMs: z.int(),
  /** Generation of the desired state that this answers; 0 before any was seen. */
  generation: z.int().min(0),
  slots: z.record(z.string().max(64), reportedSlotSchema),
  /** The signed metadata that this device goes by: versions of root, timestamp and targets, and where they came from. */
  trust: z
    .object({
      root: z.int().min(0),
      timestamp: z.int().min(0),
      targets: z.int().min(0),
      indexSha256: sha256.nullable(),
    })
    .optional(),
  /** Records not yet acknowledged, a stream. */
  backlog: z.record(z.enum(STREAMS), z.int().min(0)),
  /** What is wrong with the device now, the worst first. Old agents do not say. */
  alarms: z.array(alarmSchema).max(MAX_ALARMS).optional(),
});
export type Reported = z.infer<typeof reportedSchema>;

/** Chunks that a device misses. */
export const wantSchema = z.object({
  v: z.literal(1),
  device: deviceIdSchema,
  chunks: z.array(sha256).min(1).max(1024),
});
export type Want = z.infer<typeof wantSchema>;

/** Signed metadata as they travel: a set of files like a package's, named by its index. */
const trustRefSchema = z.object({
  indexSha256: sha256,
  sizeBytes: z.int().min(1).max(LIMITS.metadataBundleBytes),
});
export type TrustRef = z.infer<typeof trustRefSchema>;

/**
 * Ed25519 by the server's key over the bytes of `payload` (a JSON text); wraps the desired state. `trust` stands outside of
 * the signature: metadata prove themselves, and a reader may have to learn from them that this key is the server's now.
 */
export const envelopeSchema = z.object({
  v: z.literal(1),
  payload: z.string().max(LIMITS.messageBytes),
  keyId: sha256,
  signature: z.string().regex(/^[0-9a-f]{128}$/),
  trust: trustRefSchema.optional(),
});
export type Envelope = z.infer<typeof envelopeSchema>;

/**
 * Reads one JSON message from the wire.
 * @throws CodedError PAYLOAD_TOO_LARGE, PAYLOAD_MALFORMED, PAYLOAD_VERSION_UNKNOWN
 */
export function parseMessage<T>(schema: z.ZodType<T>, bytes: Uint8Array, what: string): T {
  if (bytes.byteLength > LIMITS.messageBytes) {
    throw protocolError(
      'PAYLOAD_TOO_LARGE',
      `${what} has ${bytes.byteLength} bytes, limit ${LIMITS.messageBytes}`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch (cause) {
    throw protocolError('PAYLOAD_MALFORMED', `${what} is not JSON`, { cause });
  }
  const version = value !== null && typeof value === 'object' && 'v' in value ? value.v : undefined;
  if (version !== 1) {
    // Words only for a number: an attacker's object may have no words, or too many.
    const found = typeof version === 'number' ? `version ${version}` : 'no version';
    throw protocolError('PAYLOAD_VERSION_UNKNOWN', `${what} has ${found}, known is 1`, {
      hint: 'Update the side that reads it.',
    });
  }
  const result = schema.safeParse(value);
  if (!result.success) throw malformed(what, result.error);
  return result.data;
}

export function malformed(what: string, error: z.ZodError): CodedError {
  return protocolError('PAYLOAD_MALFORMED', `${what}: ${firstIssues(error)}`);
}

/** The first three problems of a zod error with their paths, for an error message; at most 100 characters of each path. */
export function firstIssues(error: z.ZodError): string {
  return error.issues
    .slice(0, 3)
    .map((issue) => `${issue.path.join('.').slice(0, 100) || '(root)'}: ${issue.message}`)
    .join('; ');
}
