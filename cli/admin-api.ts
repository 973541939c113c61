/** The sync-server's admin API as the commands use it. */
import { encode } from '@msgpack/msgpack';
import type {
  FleetView,
  ModelDetailView,
  ModelView,
  RolloutView,
  StartRolloutRequest,
  TrustView,
} from '../sync-server/http/view.ts';
import { callJson } from './call-json.ts';

export const DEFAULT_SERVER = 'http://127.0.0.1:8090';
const SERVER = {
  what: 'Andon server',
  hint: 'Start one (andon server), or name another with --server URL or ANDON_SERVER.',
} as const;

const TIMEOUT_MS = 15_000;
/** A package may be large and the line slow. */
const PUBLISH_TIMEOUT_MS = 300_000;

/** Every method throws the server's own coded error, or SERVER_UNREACHABLE, or SERVER_ANSWER_UNKNOWN. */
export class AdminApi {
  readonly url: string;

  constructor(url: string) {
    this.url = url.replace(/\/+$/, '');
  }

  fleet(): Promise<FleetView> {
    return this.#call<FleetView>('GET', '/api/fleet', ['devices', 'models', 'rollouts']);
  }

  /** @param files path -> bytes of a whole package folder */
  publish(files: ReadonlyMap<string, Buffer>, notes = ''): Promise<ModelView> {
    const path = `/api/models?notes=${encodeURIComponent(notes)}`;
    const body = encode(Object.fromEntries(files));
    const how = { contentType: 'application/msgpack', timeoutMs: PUBLISH_TIMEOUT_MS };
    return this.#call<ModelView>('POST', path, ['name', 'version'], body, how);
  }

  model(name: string, version: number): Promise<ModelDetailView> {
    const path = `/api/models/${encodeURIComponent(name)}/${version}`;
    return this.#call<ModelDetailView>('GET', path, ['name', 'ref']);
  }

  trust(): Promise<TrustView> {
    return this.#call<TrustView>('GET', '/api/trust', ['serverPublicKey', 'metadata']);
  }

  /** @param files `<n>.root.json` and `targets.json` */
  publishTrust(files: ReadonlyMap<string, Buffer>): Promise<TrustView> {
    const body = encode(Object.fromEntries(files));
    const how = { contentType: 'application/msgpack', timeoutMs: TIMEOUT_MS };
    return this.#call<TrustView>('PUT', '/api/trust', ['serverPublicKey', 'metadata'], body, how);
  }

  /** All signed metadata, as a device without a network needs them. */
  async trustFiles(): Promise<Map<string, Buffer>> {
    const files = await this.#call<Record<string, unknown>>('GET', '/api/trust/files', []);
    return new Map(Object.entries(files).map(([name, text]) => [name, Buffer.from(String(text))]));
  }

  startRollout(request: StartRolloutRequest): Promise<RolloutView> {
    return this.#call<RolloutView>('POST', '/api/rollouts', ['id', 'state'], JSON.stringify(request));
  }

  actOnRollout(id: string, action: 'pause' | 'resume' | 'abort'): Promise<RolloutView> {
    const path = `/api/rollouts/${encodeURIComponent(id)}/${action}`;
    return this.#call<RolloutView>('POST', path, ['id', 'state'], '{}');
  }

  #call<T>(
    method: string,
    path: string,
    keys: readonly string[],
    body?: string | Uint8Array<ArrayBuffer>,
    how: { contentType: string; timeoutMs: number } = {
      contentType: 'application/json',
      timeoutMs: TIMEOUT_MS,
    },
  ): Promise<T> {
    const headers = { 'content-type': how.contentType };
    return callJson<T>(
      { ...SERVER, url: this.url },
      { method, path, keys, timeoutMs: how.timeoutMs, ...(body === undefined ? {} : { body, headers }) },
    );
  }
}
