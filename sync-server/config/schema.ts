/** The server's configuration: one strict schema, every key with a default that works on one machine. */
import { z } from 'zod';

export const serverConfigSchema = z.strictObject({
  dataDir: z.string().min(1).default('./data/server'),
  broker: z
    .discriminatedUnion('kind', [
      /** aedes inside this process. Port 0 takes a free one. */
      z.strictObject({
        kind: z.literal('embedded'),
        host: z.string().default('127.0.0.1'),
        port: z.int().min(0).max(65_535).default(1883),
        /** A listener for devices with certificates; the first then lets only the server in. null: none. */
        tls: z
          .strictObject({
            host: z.string().default('0.0.0.0'),
            port: z.int().min(0).max(65_535).default(8883),
            /** Host names and addresses by which devices reach it. */
            names: z.array(z.string().min(1).max(253)).min(1).max(32),
          })
          .nullable()
          .default(null),
      }),
      z.strictObject({
        kind: z.literal('external'),
        url: z
          .string()
          .refine(
            (url) => /^(mqtts?|wss?):\/\//.test(url) && URL.canParse(url),
            'an mqtt://, mqtts://, ws:// or wss:// address',
          ),
        username: z.string().optional(),
        passwordFile: z.string().optional(),
        /** Shows the broker a certificate of our own authority (`andon.server`), and believes the broker by it. */
        certificates: z.boolean().default(false),
        /** A folder of `andon pki export`: its list of revoked devices and its rules are kept up to date; null: they are not. */
        exportFolder: z.string().min(1).nullable().default(null),
      }),
    ])
    .prefault({ kind: 'embedded' }),
  http: z
    .strictObject({
      host: z.string().default('127.0.0.1'),
      port: z.int().min(0).max(65_535).default(8090),
      /** Host names by which people call the proxy before it. With them, nobody may do anything without a token. */
      names: z.array(z.string().min(1).max(253).toLowerCase()).max(32).default([]),
    })
    .prefault({}),
  trust: z
    .strictObject({
      /** The 1.root.json that `andon keys init` made; null: the first root that is published here is taken. */
      root: z.string().nullable().default(null),
      /** How long a device that hears nothing new still installs from what it heard last. */
      validDays: z.number().min(0.01).max(365).default(14),
    })
    .prefault({}),
  store: z
    .strictObject({
      /** Days after which a record is deleted, counted from when it came. A rollout sees no evidence older than this. */
      keepDays: z.int().min(1).max(36_500).default(90),
    })
    .prefault({}),
  delivery: z
    .strictObject({
      /** What models may cost on the way to broker and devices; null: as fast as they take them. */
      maxBytesPerS: z.int().min(1).nullable().default(null),
    })
    .prefault({}),
  rollouts: z
    .strictObject({
      /** How often evidence is looked at. */
      everyMs: z.int().min(50).default(2000),
      /** At most this share of rollouts is stopped though the new model is not worse, or goes on though it is worse by `margin`. */
      alpha: z.number().gt(0).max(0.5).default(0.05),
      /** By how much of the worst error's cost, a sample (`f-beta`: a real positive), a new model may be worse. */
      margin: z.number().gt(0).max(0.5).default(0.02),
      /** Labelled pairs that each stage must have of its own. */
      minPairs: z.int().min(1).default(200),
      /** Share of a rollout's devices that may refuse the new model, or go back by themselves, before it is stopped. */
      maxFailedShare: z.number().min(0).max(1).default(0.02),
    })
    .prefault({}),
  training: z
    .strictObject({
      /** Labelled samples since a drift began, from which the console proposes to train anew; null: never. */
      proposeAfterLabels: z.int().min(1).nullable().default(500),
    })
    .prefault({}),
  /** An MLflow tracking server to follow and to report to; null: none. */
  mlflow: z
    .strictObject({
      trackingUri: z
        .string()
        .refine((uri) => /^https?:\/\//.test(uri) && URL.canParse(uri), 'an http(s):// address'),
      /** The login; without these, MLflow's own environment variables count. */
      tokenFile: z.string().optional(),
      username: z.string().optional(),
      passwordFile: z.string().optional(),
      pollS: z.int().min(1).max(86_400).default(60),
      /** Whether rollout decisions and daily online metrics go back to the runs that models came from. */
      report: z.boolean().default(true),
      /** Aliases to follow, by our name of the model. */
      models: z
        .record(
          z
            .string()
            .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'a model’s name: lower-case letters, digits and dashes'),
          z
            .strictObject({
              /** Of the registered model. */
              name: z.string().min(1).max(256),
              alias: z.string().min(1).max(256),
              /** Where a rollout starts. */
              slot: z.string().min(1).max(64).optional(),
              /** Starts a rollout when the alias moves to a version that is published here. */
              rollout: z.boolean().default(false),
            })
            .refine(({ slot, rollout }) => !rollout || slot !== undefined, {
              path: ['slot'],
              error: 'say in which slot "rollout": true starts',
            }),
        )
        .default({}),
    })
    .nullable()
    .default(null),
  log: z
    .strictObject({ level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']).default('info') })
    .prefault({}),
});

export type ServerConfig = z.infer<typeof serverConfigSchema>;
