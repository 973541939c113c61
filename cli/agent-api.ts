/** A device's own HTTP surface as the commands use it. */
import { PIN_HEADER } from '../agent/http/operator-pin.ts';
import type { DesiredSlot } from '../protocol/messages.ts';
import { callForBytes, callJson } from './call-json.ts';

export const DEFAULT_AGENT = 'http://127.0.0.1:8080';

/** A bundle may be large and the device slow. */
const INSTALL_TIMEOUT_MS = 300_000;
const PLAN_TIMEOUT_MS = 15_000;
const BACKUP_TIMEOUT_MS = 3_600_000;

/** Every method throws the agent's own coded error, or SERVER_UNREACHABLE, or SERVER_ANSWER_UNKNOWN. */
export class AgentApi {
  readonly #peer;

  constructor(url: string) {
    this.#peer = {
      url: url.replace(/\/+$/, ''),
      what: 'Andon agent',
      hint: 'Run this on the device, or name its page with --agent URL or ANDON_AGENT.',
    };
  }

  plan(slot: string, desired: DesiredSlot): Promise<{ steps: { kind: string; words: string }[] }> {
    return callJson(this.#peer, {
      method: 'POST',
      path: '/api/plan',
      keys: ['steps'],
      timeoutMs: PLAN_TIMEOUT_MS,
      body: JSON.stringify({ slot, desired }),
      headers: { 'content-type': 'application/json' },
    });
  }

  /**
   * The device's database, copied while it is used.
   * @returns its size, when the agent says it
   */
  async backUp(
    pin: string | undefined,
  ): Promise<{ bytes: ReadableStream<Uint8Array>; sizeBytes: number | null }> {
    const { body, headers } = await callForBytes(this.#peer, {
      method: 'POST',
      path: '/api/store/backup',
      timeoutMs: BACKUP_TIMEOUT_MS,
      ...(pin === undefined ? {} : { headers: { [PIN_HEADER]: pin } }),
    });
    const size = headers.get('content-length');
    return { bytes: body, sizeBytes: size === null ? null : Number(size) };
  }

  install(bundle: Buffer, pin: string, slot?: string): Promise<{ slot: string; title: string }> {
    const query = slot === undefined ? '' : `?slot=${encodeURIComponent(slot)}`;
    return callJson(this.#peer, {
      method: 'POST',
      path: `/api/install${query}`,
      keys: ['slot', 'title'],
      timeoutMs: INSTALL_TIMEOUT_MS,
      body: Uint8Array.from(bundle),
      headers: { 'content-type': 'application/octet-stream', [PIN_HEADER]: pin },
    });
  }
}
