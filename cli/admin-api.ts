/** The sync-server's admin API as the commands use it. */
import { encode } from '@msgpack/msgpack';
import type { DatasetPageView, DatasetView } from '../sync-server/views/dataset.ts';
import type { DeadLetterDetailView, DeadLetterView } from '../sync-server/views/dead-letter.ts';
import type { FleetView, TrustView } from '../sync-server/views/fleet.ts';
import type { LineageView, ModelDetailView, ModelView } from '../sync-server/views/model.ts';
import type { RolloutView, StartRolloutRequest } from '../sync-server/views/rollout.ts';
import type { SlotMetricsView } from '../sync-server/views/slot-metrics.ts';
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

  readonly #token: string | undefined;

  /** @param token for a server that wants one */
  constructor(url: string, token?: string) {
    this.url = url.replace(/\/+$/, '');
    this.#token = token;
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

  /** @param reference a version or an alias, here and below */
  model(name: string, reference: string): Promise<ModelDetailView> {
    return this.#call<ModelDetailView>('GET', modelPath(name, reference), ['name', 'ref']);
  }

  /** @param query as in `GET /api/models` */
  async models(query: Readonly<Record<string, string>> = {}): Promise<ModelView[]> {
    const path = `/api/models?${new URLSearchParams(query)}`;
    return (await this.#call<{ models: ModelView[] }>('GET', path, ['models'])).models;
  }

  lineage(name: string, reference: string): Promise<LineageView> {
    return this.#call<LineageView>('GET', `${modelPath(name, reference)}/lineage`, ['parents', 'children']);
  }

  noteModel(name: string, reference: string, note: { text: string; by: string }): Promise<ModelView> {
    return this.#put(`${modelPath(name, reference)}/note`, note);
  }

  setStage(name: string, reference: string, stage: { stage: string; by: string }): Promise<ModelView> {
    return this.#put(`${modelPath(name, reference)}/stage`, stage);
  }

  setAlias(name: string, alias: string, to: { reference: string; by: string }): Promise<ModelView> {
    return this.#put(`${modelPath(name, 'aliases')}/${encodeURIComponent(alias)}`, to);
  }

  dropAlias(name: string, alias: string, by: string): Promise<ModelView> {
    const path = `${modelPath(name, 'aliases')}/${encodeURIComponent(alias)}?by=${encodeURIComponent(by)}`;
    return this.#call<ModelView>('DELETE', path, ['name', 'aliases']);
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

  /** @param days up to the newest label */
  metrics(slot: string, days: number): Promise<SlotMetricsView> {
    const path = `/api/metrics/${encodeURIComponent(slot)}?days=${days}`;
    return this.#call<SlotMetricsView>('GET', path, ['slot', 'versions']);
  }

  startRollout(request: StartRolloutRequest): Promise<RolloutView> {
    return this.#call<RolloutView>('POST', '/api/rollouts', ['id', 'state'], JSON.stringify(request));
  }

  actOnRollout(id: string, action: 'pause' | 'resume' | 'abort'): Promise<RolloutView> {
    const path = `/api/rollouts/${encodeURIComponent(id)}/${action}`;
    return this.#call<RolloutView>('POST', path, ['id', 'state'], '{}');
  }

  /** What the labelled samples of a slot hold. */
  dataset(slot: string): Promise<DatasetView> {
    return this.#call<DatasetView>('GET', datasetPath(slot), ['models', 'tagKeys']);
  }

  /** @param query as in `GET /api/datasets/{slot}/samples` */
  datasetPage(slot: string, query: Readonly<Record<string, string>>): Promise<DatasetPageView> {
    const path = `${datasetPath(slot)}/samples?${new URLSearchParams(query)}`;
    return this.#call<DatasetPageView>('GET', path, ['samples', 'next']);
  }

  /** @param by who says so, for the record */
  approveRollout(id: string, by?: string): Promise<RolloutView> {
    const path = `/api/rollouts/${encodeURIComponent(id)}/approve`;
    const body = JSON.stringify(by === undefined ? {} : { by });
    return this.#call<RolloutView>('POST', path, ['id', 'state'], body);
  }

  inviteDevice(device: string): Promise<{ code: string; expiresAtMs: number }> {
    return this.#call('POST', `/api/devices/${encodeURIComponent(device)}/invitation`, ['code'], '{}');
  }

  revokeDevice(device: string): Promise<{ revoked: number }> {
    return this.#call('POST', `/api/devices/${encodeURIComponent(device)}/revocation`, ['revoked'], '{}');
  }

  deadLetters(): Promise<{ kept: number; deadLetters: DeadLetterView[] }> {
    return this.#call('GET', '/api/dead-letters', ['kept', 'deadLetters']);
  }

  deadLetter(id: number): Promise<DeadLetterDetailView> {
    return this.#call('GET', `/api/dead-letters/${id}`, ['id', 'reason', 'headBase64']);
  }

  /** @param id absent: all of them */
  dropDeadLetters(id?: number): Promise<{ dropped: number }> {
    return this.#call('DELETE', `/api/dead-letters${id === undefined ? '' : `/${id}`}`, ['dropped']);
  }

  #put(path: string, body: object): Promise<ModelView> {
    return this.#call<ModelView>('PUT', path, ['name', 'aliases'], JSON.stringify(body));
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
    const headers = {
      ...(body === undefined ? {} : { 'content-type': how.contentType }),
      ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
    };
    return callJson<T>(
      { ...SERVER, url: this.url },
      { method, path, keys, timeoutMs: how.timeoutMs, headers, ...(body === undefined ? {} : { body }) },
    );
  }
}

function modelPath(name: string, reference: string): string {
  return `/api/models/${encodeURIComponent(name)}/${encodeURIComponent(reference)}`;
}

function datasetPath(slot: string): string {
  return `/api/datasets/${encodeURIComponent(slot)}`;
}
