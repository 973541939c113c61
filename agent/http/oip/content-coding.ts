/** Bodies in gzip or deflate (zlib structure), both ways; what expands too far is refused before it is there. */
import { promisify } from 'node:util';
import { deflate, gunzip, gzip, inflate } from 'node:zlib';
import { codeOf } from '../../../protocol/errors.ts';
import { agentError } from '../../errors.ts';

const DECODERS = { gzip: promisify(gunzip), deflate: promisify(inflate) } as const;
const ENCODERS = { gzip: promisify(gzip), deflate: promisify(deflate) } as const;

export type ContentCoding = keyof typeof ENCODERS;

/**
 * @param coding of `Content-Encoding`
 * @throws CodedError REQUEST_INVALID, REQUEST_TOO_LARGE
 */
export async function decompressed(body: Buffer, coding: string, maxBytes: number): Promise<Buffer> {
  if (coding === 'identity') return body;
  const decode = coding === 'gzip' || coding === 'deflate' ? DECODERS[coding] : undefined;
  if (!decode) throw agentError('REQUEST_INVALID', `the content encoding '${coding}' is not supported`);
  try {
    return await decode(body, { maxOutputLength: maxBytes });
  } catch (error) {
    if (codeOf(error) === 'ERR_BUFFER_TOO_LARGE') {
      throw agentError('REQUEST_TOO_LARGE', `the body expands beyond ${maxBytes} bytes`, { cause: error });
    }
    throw agentError('REQUEST_INVALID', `the body is no ${coding}`, { cause: error });
  }
}

export async function compressed(body: Buffer, coding: ContentCoding): Promise<Buffer> {
  return ENCODERS[coding](body);
}

/** The coding that a client asks for first; null where it takes none of ours. */
export function codingFor(acceptEncoding: string | undefined): ContentCoding | null {
  if (acceptEncoding === undefined) return null;
  for (const part of acceptEncoding.split(',')) {
    const [coding = '', ...parameters] = part.split(';').map((word) => word.trim().toLowerCase());
    const refused = parameters.some((word) => /^q=0(\.0*)?$/.test(word));
    if ((coding === 'gzip' || coding === 'deflate') && !refused) return coding;
  }
  return null;
}
