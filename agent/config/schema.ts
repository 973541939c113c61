/** device.config.json: one strict schema; the types of the whole agent's configuration are inferred from it. */
import { z } from 'zod';
import { deviceIdSchema } from '../../protocol/topics.ts';
import { alarmsSchema } from './alarms.ts';
import { configId as id } from './config-id.ts';
import { explorationSchema, feedbackRulesSchema } from './feedback.ts';
import { areFewTags, constantTagsSchema, FEW_TAGS, tagColumnsSchema } from './tags.ts';
import { budgetSchema, probationSchema, selfTestSchema, updatesSchema } from './updates.ts';

/** What the simulated line tags its parts with. */
const SIMULATED_TAGS = { 'source-version': 1, shift: 1, operator: 1, product: 1, supplier: 1 };

const simulatedLine = z
  .strictObject({
    kind: z.literal('simulated-line'),
    /** Parts a second. */
    ratePerS: z.number().positive().max(100_000).default(10),
    seed: z.int().default(1),
    station: z.string().max(64).default('mill-1'),
    /** How long after a part the line's events about it come. */
    eventDelayMs: z.int().min(0).max(3_600_000).default(500),
    /**
     * Parts after which a temperature has mostly forgotten where it was; absent: as slow as in the published rows (1600).
     * Small values make every window of samples look like the whole, so that only injected drift is drift.
     */
    temperatureMemoryParts: z.number().positive().optional(),
    /** Tags the parts with shift, operator, product and supplier, all of them simulated. */
    tagged: z.boolean().default(true),
    constantTags: constantTagsSchema,
    /** Parts that are called so leave the line at a gate, and nobody learns what they were; null: all go on. */
    gate: z
      .strictObject({ rejects: z.array(z.string().min(1)).min(1).max(32) })
      .nullable()
      .default(null),
  })
  .refine((line) => areFewTags(line.constantTags, line.tagged ? SIMULATED_TAGS : {}), {
    path: ['constantTags'],
    error: FEW_TAGS,
  });

const file = z
  .strictObject({
    kind: z.literal('file'),
    path: z.string().min(1),
    format: z.enum(['csv', 'ndjson']),
    /** `recorded` needs `timeColumn`; `scaled` plays recorded time `scale` times as fast; `full` waits for nothing. */
    speed: z.enum(['recorded', 'scaled', 'full']).default('full'),
    scale: z.number().positive().default(1),
    timeColumn: z.string().optional(),
    correlationColumn: z.string().optional(),
    /** Feature name -> column name, where they differ. */
    columns: z.record(z.string(), z.string()).default({}),
    tags: tagColumnsSchema,
    constantTags: constantTagsSchema,
    delimiter: z.string().length(1).default(','),
    /** Stop after this many samples, reading the file again and again until then; absent: once through. */
    repeatToSamples: z.int().min(1).optional(),
    /** A longer row is refused and counted. */
    maxRowBytes: z
      .int()
      .min(64)
      .max(16 * 1024 * 1024)
      .default(1024 * 1024),
  })
  .refine((config) => areFewTags(config.tags, config.constantTags), { path: ['tags'], error: FEW_TAGS });

const source = z.discriminatedUnion('kind', [simulatedLine, file]);

/** null: no limit. */
const byteLimits = z.strictObject({
  maxBytesPerDay: z.int().min(1).nullable().default(null),
  maxBytesPerS: z.int().min(1).nullable().default(null),
});

/** Priorities are few: each has a queue of its own. */
export const MAX_PRIORITY = 100;

const slot = z.strictObject({
  source: id,
  /** Package folder to start with, before any desired state came. */
  model: z.string().min(1),
  /** What leaves the device with each prediction. */
  privacy: z.enum(['outputs', 'sampled', 'features', 'none']).default('outputs'),
  /** With `privacy: "sampled"`: the share of predictions that take their inputs along. */
  sampledShare: z.number().gt(0).lt(1).default(0.01),
  /** What sending this slot's predictions may cost. They go in order with those of other slots, which then wait too. */
  upload: z.strictObject({ maxBytesPerS: z.int().min(1).nullable().default(null) }).prefault({}),
  /** `result`: a caller waits until the prediction is durable. `commit`: the result may come up to `store.commitWithinMs` earlier. */
  recordBefore: z.enum(['result', 'commit']).default('commit'),
  batch: z
    .strictObject({
      maxRows: z.int().min(1).max(1024).default(256),
      /** How long a batch that is not full may wait for more, while the engine is busy with the one before. */
      maxDelayUs: z.int().min(0).max(1_000_000).default(0),
      /** Samples that may wait, and as many rows of requests. */
      maxQueued: z.int().min(1).default(4096),
      /** Of the samples, and of requests that name none: 1 goes first. */
      priority: z.int().min(1).max(MAX_PRIORITY).default(10),
    })
    .prefault({}),
  /** Outputs of exactly equal inputs are kept and not computed again; null: they are not. */
  cache: z
    .strictObject({ maxBytes: z.int().min(64 * 1024) })
    .nullable()
    .default(null),
  /** Requests over HTTP; `record: false`: they are answered, and leave no prediction behind. */
  requests: z.strictObject({ record: z.boolean().default(true) }).prefault({}),
  /** Keep the input row in the store on the device (needed for `privacy: "features"` and `"sampled"`). */
  keepFeatures: z.boolean().default(false),
  /** Evidence about what a part really was, and the label that it gives. */
  feedback: feedbackRulesSchema,
  /** A wrong decision of this slot can hurt someone: nothing here is left to chance. */
  safety: z.boolean().default(false),
  exploration: explorationSchema,
  updates: updatesSchema.prefault({}),
  budget: budgetSchema.prefault({}),
  selfTest: selfTestSchema.prefault({}),
  probation: probationSchema.prefault({}),
  drift: z
    .strictObject({
      /** Samples a window of the drift check. */
      window: z.int().min(50).default(500),
      /** Population Stability Index from which a feature is called drifting; KS has a floor of its own (docs/drift.md). */
      psi: z.number().positive().default(0.25),
    })
    .prefault({}),
});

export const deviceConfigSchema = z.strictObject({
  device: z.strictObject({
    id: deviceIdSchema,
    labels: z.record(z.string().max(64), z.string().max(128)).default({}),
  }),
  /** Database, packages and chunks live here. Relative paths count from the config file's folder. */
  dataDir: z.string().min(1).default('./data/agent'),
  sources: z.record(id, source),
  slots: z.record(id, slot),
  store: z
    .strictObject({
      maxBytes: z
        .int()
        .min(1024 * 1024)
        .default(1024 * 1024 * 1024),
      /** Upper bound of group commit: what is recorded is durable at most this much later. */
      commitWithinMs: z.int().min(0).max(1000).default(10),
    })
    .prefault({}),
  /** null: this device never syncs. */
  sync: z
    .strictObject({
      broker: z.string().regex(/^(mqtts?|wss?):\/\//, 'an mqtt://, mqtts://, ws:// or wss:// address'),
      username: z.string().optional(),
      /** A file that holds the password; passwords never stand in the config. */
      passwordFile: z.string().optional(),
      /** By a certificate of the server, for an mqtts:// broker; null: none. */
      identity: z
        .strictObject({
          /** The server's admin API. */
          server: z
            .string()
            .refine((url) => /^https?:\/\//.test(url) && URL.canParse(url), 'an http:// or https:// address'),
        })
        .nullable()
        .default(null),
      keepaliveS: z.int().min(1).max(600).default(30),
      /** Batches of one stream on the way at once. */
      window: z.int().min(1).max(64).default(8),
      retryMs: z.int().min(50).default(1000),
      /** The server's `/chunks`, for brokers that keep no retained messages; null: models come over the broker alone. */
      chunksUrl: z
        .string()
        .refine(
          (url) => /^https?:\/\//.test(url) && URL.canParse(url),
          'an http:// or https:// address, like http://server:8090/chunks',
        )
        .nullable()
        .default(null),
      /** What fetching models may cost on this link. */
      updates: byteLimits.prefault({}),
      /** What sending records may cost. Events and states always go, and count. */
      telemetry: byteLimits
        .extend({
          /** How long a prediction or metric waits for company: a lone one weighs as much as thirty together. */
          lingerMs: z.int().min(0).max(3_600_000).default(100),
        })
        .prefault({}),
    })
    .nullable()
    .default(null),
  trust: z
    .strictObject({
      /** Folder with root.json, where trust begins, and targets.json, which lists the config's own models. */
      metadata: z.string().default('models/trust'),
    })
    .prefault({}),
  http: z
    .strictObject({
      host: z.string().default('127.0.0.1'),
      /** 0 takes a free port. */
      port: z.int().min(0).max(65_535).default(8080),
      /** The Open Inference Protocol over gRPC too, on the same port. */
      grpc: z.boolean().default(false),
      /** A file made by `andon pin`: what changes this device asks for that PIN. Null: no model can be brought by hand. */
      pinFile: z.string().nullable().default(null),
    })
    .prefault({}),
  alarms: alarmsSchema.prefault({}),
  engine: z
    .strictObject({
      /** Of one model's run. 0: as many as the cores that the agent may use. */
      threads: z.int().min(0).max(64).default(1),
      /** An engine that does not answer for this long is replaced; sooner where the model's own times say that it hangs. */
      timeoutMs: z.int().min(100).default(10_000),
      /** An engine that holds more memory is replaced by a fresh one. 0: one that grows to a multiple of its size after loading. */
      maxRssMiB: z.int().min(0).default(0),
      /** Of ONNX Runtime: `cpu`, or another that the installed build has. */
      executionProvider: z.string().min(1).default('cpu'),
      /** `on`: graphs are optimised once, and kept in the data folder for the next start. */
      graphCache: z.enum(['on', 'off']).default('off'),
    })
    .prefault({}),
  log: z
    .strictObject({ level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']).default('info') })
    .prefault({}),
});

export type DeviceConfig = z.infer<typeof deviceConfigSchema>;
export type SlotConfig = DeviceConfig['slots'][string];
export type SourceConfig = DeviceConfig['sources'][string];
export type SimulatedLineConfig = z.infer<typeof simulatedLine>;
export type FileSourceConfig = z.infer<typeof file>;
