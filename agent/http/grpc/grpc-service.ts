/** `inference.GRPCInferenceService`: each method from the bytes of its request to those of its answer. */
import { z } from 'zod';
import { firstIssues } from '../../../protocol/messages.ts';
import { agentError } from '../../errors.ts';
import { OIP_LIMITS } from '../oip/oip-limits.ts';
import type { OipModels } from '../oip/oip-models.ts';
import { refuseControl } from '../oip/oip-models.ts';
import { inferRequestOf, inferResponseOf, readInferMessage } from './infer-message.ts';
import {
  CONFIG_TYPES,
  LIVE,
  MODEL_CONFIG,
  MODEL_METADATA,
  MODEL_NAME,
  MODEL_STATISTICS,
  READY,
  REPOSITORY_INDEX,
  SERVER_METADATA,
} from './oip-messages.ts';
import { decodeMessage, encodeMessage } from './protobuf.ts';

/** @param deadlineUs of the call; 0: none */
type Method = (request: Buffer, deadlineUs: number) => Promise<Buffer> | Buffer;

export const SERVICE = 'inference.GRPCInferenceService';

const text = z.string().max(OIP_LIMITS.nameChars);
const named = z.object({ name: text.default(''), version: text.default('') });

/** By name. What is not among them is not spoken here: streams, shared memory, trace and log settings. */
export function grpcMethods(models: OipModels): ReadonlyMap<string, Method> {
  const config = async (request: Buffer) => {
    const { name, version } = modelIn(request);
    const found = await models.config(name, version);
    const tensor = ({ data_type, ...rest }: (typeof found.input)[number]) => ({
      ...rest,
      data_type: CONFIG_TYPES.indexOf(data_type),
    });
    const input = found.input.map(tensor);
    return encodeMessage(MODEL_CONFIG, { config: { ...found, input, output: found.output.map(tensor) } });
  };
  return new Map<string, Method>([
    ['ServerLive', () => encodeMessage(LIVE, { live: true })],
    ['ServerReady', () => encodeMessage(READY, { ready: models.isReady() })],
    ['ServerMetadata', () => encodeMessage(SERVER_METADATA, models.server())],
    [
      'ModelReady',
      (request) => {
        const { name, version } = modelIn(request);
        return encodeMessage(READY, { ready: models.isModelReady(name, version) });
      },
    ],
    [
      'ModelMetadata',
      async (request) => {
        const { name, version } = modelIn(request);
        return encodeMessage(MODEL_METADATA, { ...(await models.metadata(name, version)) });
      },
    ],
    ['ModelConfig', config],
    [
      'ModelStatistics',
      (request) => {
        const { name, version } = modelIn(request);
        const statistics = models.statistics(name === '' ? undefined : name, version);
        return encodeMessage(MODEL_STATISTICS, { model_stats: statistics });
      },
    ],
    ['RepositoryIndex', () => encodeMessage(REPOSITORY_INDEX, { models: models.index() })],
    ['RepositoryModelLoad', refuseControl],
    ['RepositoryModelUnload', refuseControl],
    [
      'ModelInfer',
      async (bytes, deadlineUs) => {
        const message = readInferMessage(bytes);
        const version = message.model_version === '' ? undefined : message.model_version;
        const { request, answer } = await models.infer(message.model_name, version, () =>
          inferRequestOf(message, deadlineUs),
        );
        return inferResponseOf(request, answer);
      },
    ],
  ]);
}

/** @throws CodedError REQUEST_INVALID */
function modelIn(request: Buffer): { name: string; version: string | undefined } {
  const given = named.safeParse(decodeMessage(MODEL_NAME, request));
  if (!given.success) throw agentError('REQUEST_INVALID', firstIssues(given.error));
  const { name, version } = given.data;
  return { name, version: version === '' ? undefined : version };
}
