/** What the agent and its engine process say to each other over their pipes. Both ends are the same build. */
import type { AgentErrorCode } from '../errors.ts';
import type { Opened } from './graph-cache.ts';
import type { GraphSpec } from './graph-spec.ts';
import type { Unreadable } from './image-decoder.ts';
import type { EngineOptions } from './session-options.ts';
import type { GraphSignature, NamedTensor } from './tensor.ts';

/** Said once, before anything is asked; answered by `ready` or `unfit`. */
export interface EngineStart {
  kind: 'start';
  options: EngineOptions;
}

export interface LoadRequest {
  id: number;
  kind: 'load';
  model: string;
  path: string;
  sha256: string;
  spec: GraphSpec;
}

/** Where the graph of a model that was loaded came from. */
export type GraphOrigin = Omit<Opened<unknown>, 'opened'>;

export type EngineRequest =
  | LoadRequest
  /** A list holds encoded pictures. */
  | {
      id: number;
      kind: 'run';
      model: string;
      rows: number;
      data: Float32Array | Uint8Array | readonly Uint8Array[];
      /** As `EngineBatch.extraOutputs`. */
      extraOutputs?: readonly string[];
    }
  | {
      id: number;
      kind: 'infer';
      model: string;
      inputs: readonly NamedTensor[];
      outputs: readonly string[] | null;
    }
  | { id: number; kind: 'describe'; model: string }
  | { id: number; kind: 'unload'; model: string }
  | { id: number; kind: 'measure'; model: null };

/** Requests are answered strictly in the order in which they came: the first one open is the one being worked on. */
export type EngineAnswer =
  | { kind: 'ready' }
  /** Nothing can be asked of it. */
  | { kind: 'unfit'; code: AgentErrorCode; message: string; hint: string }
  | { kind: 'memory'; rssBytes: number }
  /** `graph`: of a load. */
  | { kind: 'done'; id: number; rssBytes: number; graph?: GraphOrigin }
  | {
      kind: 'output';
      id: number;
      output: Float32Array;
      width: number;
      computeUs: number;
      unreadable?: readonly Unreadable[];
      /** Of the whole batch. */
      extras?: readonly NamedTensor[];
    }
  | { kind: 'outputs'; id: number; outputs: readonly NamedTensor[]; computeUs: number }
  | { kind: 'signature'; id: number; signature: GraphSignature }
  | { kind: 'failed'; id: number; code: AgentErrorCode; message: string };

/** @throws TypeError for what is no beginning of ours */
export function parseStart(value: unknown): EngineStart {
  if (kindOf(value) !== 'start') throw new TypeError('an engine is told its options first');
  return value as EngineStart;
}

/** @throws TypeError for what is no request of ours */
export function parseRequest(value: unknown): EngineRequest {
  const kind = kindOf(value);
  switch (kind) {
    case 'load':
    case 'run':
    case 'infer':
    case 'describe':
    case 'unload':
    case 'measure':
      return value as EngineRequest;
    default:
      throw new TypeError(`not an engine request: ${String(kind)}`);
  }
}

/** @throws TypeError for what is no answer of ours */
export function parseAnswer(value: unknown): EngineAnswer {
  switch (kindOf(value)) {
    case 'ready':
    case 'unfit':
    case 'memory':
    case 'done':
    case 'output':
    case 'outputs':
    case 'signature':
    case 'failed':
      return value as EngineAnswer;
    default:
      throw new TypeError('not an engine answer');
  }
}

function kindOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'kind' in value ? value.kind : undefined;
}
