/** Requests to a route that no honest client sends: each method, wrong parameters, headers and bodies, seeded. */
import { encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { inputs } from '../../../property/support/mutations.ts';
import { SLOT } from '../device-process.ts';
import { HOUSE_DEVICE } from './open-house.ts';
import type { RawRequest } from './raw-request.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** In place of a parameter, or of a star; names that there are among them. */
const PARAMETERS = [
  SLOT,
  'x',
  '1',
  HOUSE_DEVICE,
  '-1',
  '99999999999999999999',
  '__proto__',
  'constructor',
  '..%2f..%2f..%2fetc%2fpasswd',
  '%00',
  '%c0%af',
  '%E2%82%AC',
  'a'.repeat(64),
  'a'.repeat(3000),
  "1'%20OR%20'1'='1",
];

const QUERIES = [
  '',
  '?limit=-1',
  '?limit=1e99&offset=NaN',
  '?__proto__[x]=1&a=1&a=2',
  `?slot=${'s'.repeat(2000)}`,
  '?slot=surface&from=0&to=-1',
];

const CONTENT_TYPES = [
  'application/json',
  'application/json; charset=utf-7',
  'application/msgpack',
  'application/octet-stream',
  'text/plain',
  'multipart/form-data; boundary=x',
  'application/xml',
  '',
];

const HEADERS: readonly Readonly<Record<string, string>>[] = [
  {},
  { 'content-encoding': 'gzip' },
  { range: 'bytes=9999999999-0,5-,-1' },
  { 'if-none-match': '*', accept: 'text/html;q=nan' },
  { cookie: `andon-session=${'A'.repeat(43)}; andon-session=` },
  { 'x-andon-pin': '0'.repeat(64) },
  { 'inference-header-content-length': '99999999999' },
  { 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'https', forwarded: 'for=127.0.0.1' },
];

/** Something that each kind of address takes, or nearly: to be sent to all, and changed. */
const BODIES: readonly unknown[] = [
  {},
  [],
  null,
  { predictionId: '00000000-1', label: 'ok' },
  { predictionId: '00000000-1', durationMs: 5 },
  { slot: 'surface', hold: true, reason: 'x' },
  { slot: 'surface', desired: { champion: {}, challenger: null } },
  [{ kind: 'reject-gate', correlationId: 'plate-1', timeMs: 1 }],
  { kind: 'drift', feature: 'torque', shift: 1 },
  { cut: true },
  { token: `andon_${'A'.repeat(43)}` },
  { code: 'AAAA-BBBB', device: 'line-1', csr: 'x', publicKey: 'x' },
  { slot: 'surface', version: 1, name: 'tiny', stages: [], notes: 'n', reason: 'r', by: 'b' },
  { inputs: [{ name: 'input', shape: [1, 2], datatype: 'FP32', data: [1, 2] }] },
];

const SEEDS = BODIES.flatMap((body) => [Buffer.from(JSON.stringify(body)), Buffer.from(encode(body))]);
const MORE_THAN_A_BODY_BYTES = 100_000;

export interface HostileForm {
  /** As it was registered, with its parameters. */
  readonly url: string;
  /** In each request, whatever else is in it. */
  readonly headers: Readonly<Record<string, string>>;
}

/** @param count for each method; the same seed gives the same requests */
export function hostileRequests({ url, headers }: HostileForm, count: number, seed: number): RawRequest[] {
  const bodies = fc.sample(inputs(SEEDS), { seed, numRuns: count * METHODS.length });
  return bodies.map((some, i) => {
    const method = METHODS[i % METHODS.length] ?? 'GET';
    const n = seed + Math.floor(i / METHODS.length);
    const type = CONTENT_TYPES[n % CONTENT_TYPES.length] ?? '';
    const body = n % 17 === 0 ? Buffer.alloc(MORE_THAN_A_BODY_BYTES, '[') : some;
    return {
      method,
      path: pathOf(url, n) + (QUERIES[n % QUERIES.length] ?? ''),
      headers: { ...HEADERS[n % HEADERS.length], ...(type && { 'content-type': type }), ...headers },
      // A body where none belongs, now and then.
      ...((!/GET|HEAD/.test(method) || n % 3 === 0) && { body }),
    };
  });
}

/** A path that this route serves; parameters that nobody would choose. */
function pathOf(url: string, n: number): string {
  let at = n;
  return url
    .replace(/:\w+(?:\([^)]*\))?|\*/g, () => PARAMETERS[at++ % PARAMETERS.length] ?? '')
    .replace(/[^\x21-\x7e]/g, '');
}
