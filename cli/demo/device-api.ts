/** A demo device's own HTTP surface: its status page's data, and the hooks that the demo may pull. */
import type { SlotView, StatusView } from '../../agent/http/view.ts';
import { DEMO_SLOT } from './configs.ts';

const TIMEOUT_MS = 3000;

export class DeviceApi {
  readonly id: string;
  readonly url: string;

  constructor(id: string, url: string) {
    this.id = id;
    this.url = url;
  }

  /** True once a model serves. */
  async isHealthy(): Promise<boolean> {
    const response = await fetch(`${this.url}/api/health`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    await response.arrayBuffer();
    return response.ok;
  }

  async status(): Promise<StatusView> {
    const response = await fetch(`${this.url}/api/status`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!response.ok) throw new Error(`${this.id} answers ${response.status}`);
    return (await response.json()) as StatusView;
  }

  /** The demo's slot; undefined while it is not there. */
  async slot(): Promise<SlotView | undefined> {
    return (await this.status()).slots.find(({ slot }) => slot === DEMO_SLOT);
  }

  /** Really drops the TCP connection to the broker, and stays offline until released. */
  cutLink(cut: boolean): Promise<void> {
    return this.#post('/api/demo/link', { cut });
  }

  injectDrift(feature: string, shift: number, overSamples: number): Promise<void> {
    return this.#post('/api/simulator', { kind: 'drift', feature, shift, overSamples });
  }

  async #post(path: string, body: object): Promise<void> {
    const response = await fetch(`${this.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const answer = await response.text();
    if (!response.ok)
      throw new Error(`${this.id} refused ${path}: ${response.status} ${answer.slice(0, 200)}`);
  }
}
