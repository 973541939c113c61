/** The sync-server's admin API as the commands use it. */
import { encode } from '@msgpack/msgpack';
import { CodedError } from '../protocol/errors.ts';
import type {
  FleetView,
  ModelView,
  RolloutView,
  StartRolloutRequest,
  TrustView,
} from '../sync-server/http/view.ts';
import { cliError } from './errors.ts';

export const DEFAULT_SERVER = 'http://127.0.0.1:8090';

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

  trust(): Promise<TrustView> {
    return this.#call<TrustView>('GET', '/api/trust', ['serverPublicKey', 'metadata']);
  }

  /** @param files `<n>.root.json` and `targets.json` */
  publishTrust(files: ReadonlyMap<string, Buffer>): Promise<TrustView> {
    const body = encode(Object.fromEntries(files));
    const how = { contentType: 'application/msgpack', timeoutMs: TIMEOUT_MS };
    return this.#call<TrustView>('PUT', '/api/trust', ['serverPublicKey', 'metadata'], body, how);
  }

  startRollout(request: StartRolloutRequest): Promise<RolloutView> {
    return this.#call<RolloutView>('POST', '/api/rollouts', ['id', 'state'], JSON.stringify(request));
  }

  actOnRollout(id: string, action: 'pause' | 'resume' | 'abort'): Promise<RolloutView> {
    const path = `/api/rollouts/${encodeURIComponent(id)}/${action}`;
    return this.#call<RolloutView>('POST', path, ['id', 'state'], '{}');
  }

  /** Checks that the answer is an object with `keys`: a server of this version means the rest of the type by them. */
  async #call<T>(
    method: string,
    path: string,
    keys: readonly string[],
    body?: string | Uint8Array<ArrayBuffer>,
    { contentType, timeoutMs } = { contentType: 'application/json', timeoutMs: TIMEOUT_MS },
  ): Promise<T> {
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${this.url}${path}`, {
        method,
        signal: AbortSignal.timeout(timeoutMs),
        ...(body === undefined ? {} : { body, headers: { 'content-type': contentType } }),
      });
      text = await response.text();
    } catch (cause) {
      throw cliError('SERVER_UNREACHABLE', `No Andon server answers at ${this.url}.`, {
        hint: 'Start one (andon server), or name another with --server URL or ANDON_SERVER.',
        cause,
      });
    }
    const answer = objectFrom(text);
    if (!response.ok) throw refusal(response.status, answer, path);
    if (!answer || !keys.every((key) => key in answer)) {
      throw cliError('SERVER_ANSWER_UNKNOWN', `${this.url}${path} answered something that is not Andon's.`, {
        hint: 'Is another program listening there? Check --server or ANDON_SERVER.',
      });
    }
    return answer as T;
  }
}

function objectFrom(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return value !== null && typeof value === 'object' ? value : undefined;
  } catch {
    return undefined;
  }
}

function refusal(status: number, answer: object | undefined, path: string): Error {
  if (answer && 'code' in answer && 'message' in answer) {
    const hint = 'hint' in answer && typeof answer.hint === 'string' ? { hint: answer.hint } : {};
    return new CodedError(String(answer.code), String(answer.message), hint);
  }
  return cliError('SERVER_ANSWER_UNKNOWN', `The server refused ${path} with status ${status}.`);
}
