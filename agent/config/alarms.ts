/** Where the alarms of this device go beside the page and the server: to the line itself. Works without any server. */
import { z } from 'zod';

const webAddress = (schemes: RegExp, words: string) =>
  z
    .string()
    .max(2048)
    .refine((url) => schemes.test(url) && URL.canParse(url), words);

/** Retained messages: `{topic}/state` for a signal tower, `{topic}/{code}` and `{topic}/{code}/{slot}` for the rest. */
const mqttOutput = z.strictObject({
  kind: z.literal('mqtt'),
  /** Of the line, as near as there is one: these alarms matter most when the network is gone. */
  broker: webAddress(/^(mqtts?|wss?):\/\//, 'an mqtt://, mqtts://, ws:// or wss:// address'),
  topic: z.string().regex(/^[^\s+#$/][^\s+#]{0,127}$/, 'a topic without wildcards, at most 128 characters'),
  username: z.string().max(256).optional(),
  /** A file that holds the password; read at each connect. */
  passwordFile: z.string().optional(),
  /** The authority that signed the broker's certificate; absent: those of the system. */
  caFile: z.string().optional(),
  /** What this device shows to a broker that asks for a certificate, PEM; read at each connect. With `keyFile`. */
  certFile: z.string().optional(),
  keyFile: z.string().optional(),
  keepaliveS: z.int().min(5).max(600).default(15),
});
export type MqttOutputConfig = z.infer<typeof mqttOutput>;

/** A POST for each change, as https://www.standardwebhooks.com has it. */
const webhookOutput = z.strictObject({
  kind: z.literal('webhook'),
  url: webAddress(/^https?:\/\//, 'an http:// or https:// address'),
  /** A file that holds the signing secret, `whsec_` and base64. */
  secretFile: z.string().optional(),
  /** A file that holds a token, sent as `Authorization: Bearer`. */
  tokenFile: z.string().optional(),
  timeoutMs: z.int().min(100).max(60_000).default(5000),
});
export type WebhookOutputConfig = z.infer<typeof webhookOutput>;

export const alarmsSchema = z.strictObject({
  outputs: z
    .array(z.discriminatedUnion('kind', [mqttOutput, webhookOutput]))
    .max(8)
    .default([]),
});
export type AlarmsConfig = z.infer<typeof alarmsSchema>;
