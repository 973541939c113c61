/** Alarms as HTTP POSTs, signed as Standard Webhooks has it: headers `webhook-id`, `webhook-timestamp`, `webhook-signature`. */
import { createHmac } from 'node:crypto';
import type { AlarmMessage } from '../../protocol/alarms.ts';
import type { Clock } from '../clock.ts';
import type { WebhookOutputConfig } from '../config/alarms.ts';
import { agentError } from '../errors.ts';
import { type AlarmOutput, readSecret, withDeadline } from './alarm-output.ts';

/** The other side has read it and says that it is wrong; the same bytes stay wrong. */
const NEVER = new Set([400, 410, 413, 415, 422]);

export class WebhookOutput implements AlarmOutput {
  readonly target: string;
  readonly #config: WebhookOutputConfig;
  readonly #clock: Pick<Clock, 'wallMs'>;

  constructor(config: WebhookOutputConfig, clock: Pick<Clock, 'wallMs'>) {
    this.#config = config;
    this.#clock = clock;
    // Paths of webhooks are often their secret.
    this.target = new URL(config.url).origin;
  }

  /** There is nothing to hold open. */
  start(): void {}

  async stop(): Promise<void> {}

  async deliver(message: AlarmMessage, signal: AbortSignal): Promise<void> {
    const { url, timeoutMs } = this.#config;
    const body = JSON.stringify(message);
    const headers = this.#headers(message.id, body);
    let status: number;
    try {
      status = await withDeadline(timeoutMs, signal, async (within) => {
        const response = await fetch(url, {
          method: 'POST',
          headers,
          body,
          redirect: 'error',
          signal: within,
        });
        await response.body?.cancel();
        return response.status;
      });
    } catch (cause) {
      throw agentError('ALARM_UNDELIVERED', `${this.target} does not answer`, { cause });
    }
    if (status >= 200 && status < 300) return;
    throw agentError(
      NEVER.has(status) ? 'ALARM_REFUSED' : 'ALARM_UNDELIVERED',
      `${this.target} answered ${status}`,
    );
  }

  #headers(id: string, body: string): Record<string, string> {
    const { secretFile, tokenFile } = this.#config;
    const timestamp = String(Math.floor(this.#clock.wallMs() / 1000));
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': timestamp,
    };
    if (secretFile !== undefined) {
      const secret = readSecret(secretFile, 'secretFile').replace(/^whsec_/, '');
      const mac = createHmac('sha256', Buffer.from(secret, 'base64')).update(`${id}.${timestamp}.${body}`);
      headers['webhook-signature'] = `v1,${mac.digest('base64')}`;
    }
    if (tokenFile !== undefined) headers.authorization = `Bearer ${readSecret(tokenFile, 'tokenFile')}`;
    return headers;
  }
}
