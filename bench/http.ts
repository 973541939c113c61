/**
 * Requests a second over keep-alive connections to the agent's Open Inference Protocol (validated, inferred in the engine
 * process, decided, recorded) against a bare fastify + onnxruntime-node handler and against MLServer, in the same run.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { goldenSchema, type Manifest } from '../protocol/manifest.ts';
import { parseManifest } from '../protocol/package-verify.ts';
import { projectRoot } from '../test/support/processes.ts';
import { type Server, SLOT, startAgent, startBare, startMlserver } from './http-servers.ts';
import { type BenchResult, median } from './result.ts';

const ROUNDS = 3;
const WARM_MS = 1000;
const LOAD_MS = 4000;
const CONNECTIONS = 32;
const packageFolder = join(projectRoot, 'models', 'steel-surface', '1');

const loadSchema = z.object({
  perS: z.number(),
  p50Ms: z.number(),
  p99Ms: z.number(),
  refused: z.number(),
  refusal: z.string(),
});
type Load = z.infer<typeof loadSchema>;

interface Contender {
  readonly name: string;
  readonly server: Server;
  readonly request: string;
  readonly loads: Load[];
}

export async function run(say: (line: string) => void): Promise<BenchResult> {
  const folder = mkdtempSync(join(tmpdir(), 'andon-bench-http-'));
  const manifest = parseManifest(readFileSync(join(packageFolder, 'manifest.json')));
  const { binary, json } = writeRequests(folder, manifest);
  const contenders: Contender[] = [];
  const add = (name: string, server: Server, request: string) =>
    contenders.push({ name, server, request, loads: [] });
  try {
    add('agent', await startAgent(folder), binary);
    add('bare', await startBare(manifest.output.tensor), binary);
    const mlserver = await startMlserver(folder);
    // It reads no binary tensors over HTTP.
    if (mlserver) add('mlserver', mlserver, json);
    else say('MLServer is not installed (bash bench/peer/install.sh): no ratio against it');
    for (const { server, request } of contenders) await load(server, request, WARM_MS);
    for (let round = 1; round <= ROUNDS; round++) {
      for (const each of contenders) each.loads.push(await load(each.server, each.request, LOAD_MS));
      const rates = contenders.map(({ name, loads }) => `${name} ${Math.round(loads.at(-1)?.perS ?? 0)}/s`);
      say(`round ${round}/${ROUNDS}: ${rates.join(', ')}`);
    }
    return resultOf(contenders);
  } finally {
    await Promise.all(contenders.map(({ server }) => server.stop()));
    rmSync(folder, { recursive: true, force: true });
  }
}

function resultOf(contenders: readonly Contender[]): BenchResult {
  const of = (name: string, what: 'perS' | 'p50Ms' | 'p99Ms') =>
    median(contenders.find((each) => each.name === name)?.loads.map((each) => each[what]) ?? []);
  const hasPeer = contenders.some(({ name }) => name === 'mlserver');
  return {
    name: 'http',
    ratios: {
      vsBareHandler: of('agent', 'perS') / of('bare', 'perS'),
      ...(hasPeer && { vsPythonPeer: of('agent', 'perS') / of('mlserver', 'perS') }),
    },
    figures: Object.fromEntries(
      contenders.flatMap(({ name }) => [
        [`${name}PerS`, of(name, 'perS')],
        [`${name}P50Ms`, of(name, 'p50Ms')],
        [`${name}P99Ms`, of(name, 'p99Ms')],
      ]),
    ),
    baseline: `a bare fastify + onnxruntime-node handler, and MLServer 1.7 (JSON), ${CONNECTIONS} keep-alive connections each`,
  };
}

async function load({ port }: Server, request: string, forMs: number): Promise<Load> {
  const script = join(import.meta.dirname, 'http-load.mjs');
  const args = [script, String(port), request, String(CONNECTIONS), String(forMs)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const measured = loadSchema.parse(JSON.parse(stdout));
  if (measured.refused > 0) throw new Error(`${measured.refused} requests were refused: ${measured.refusal}`);
  return measured;
}

/** One row of the golden samples as whole HTTP requests. @returns their files */
function writeRequests(folder: string, manifest: Manifest): { binary: string; json: string } {
  const golden = goldenSchema.parse(
    JSON.parse(readFileSync(join(packageFolder, manifest.golden.file), 'utf8')),
  );
  const row = golden.samples[0]?.input ?? [];
  const bytes = Buffer.from(Float32Array.from(row).buffer);
  if (manifest.input.kind !== 'features') throw new Error('the bench sends rows of features');
  const input = { name: manifest.input.tensor, datatype: 'FP32', shape: [1, row.length] };
  const header = Buffer.from(
    JSON.stringify({
      parameters: { binary_data_output: true },
      inputs: [{ ...input, parameters: { binary_data_size: bytes.length } }],
    }),
  );
  const plain = Buffer.from(JSON.stringify({ inputs: [{ ...input, data: row }] }));
  const write = (name: string, headers: string, body: Buffer) => {
    const head = `POST /v2/models/${SLOT}/infer HTTP/1.1\r\nhost: 127.0.0.1\r\n${headers}content-length: ${body.length}\r\n\r\n`;
    const file = join(folder, name);
    writeFileSync(file, Buffer.concat([Buffer.from(head), body]));
    return file;
  };
  return {
    binary: write(
      'binary',
      `content-type: application/octet-stream\r\ninference-header-content-length: ${header.length}\r\n`,
      Buffer.concat([header, bytes]),
    ),
    json: write('json', 'content-type: application/json\r\n', plain),
  };
}
