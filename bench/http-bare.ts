/**
 * What `bench http` is held against: fastify and onnxruntime-node, one `session.run` a request, nothing checked and nothing
 * kept. Reads the same binary requests as the agent. Arguments: path of the model, name of its output.
 */
import Fastify from 'fastify';
import { InferenceSession, Tensor } from 'onnxruntime-node';

interface Header {
  readonly inputs: readonly { readonly name: string; readonly shape: readonly number[] }[];
}

const [path = '', outputName = ''] = process.argv.slice(2);
const session = await InferenceSession.create(path, { intraOpNumThreads: 1, interOpNumThreads: 1 });
const app = Fastify();
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));

app.post('/v2/models/:model/infer', async (request, reply) => {
  const body = request.body as Buffer;
  const end = Number(request.headers['inference-header-content-length']);
  const [input] = (JSON.parse(body.toString('utf8', 0, end)) as Header).inputs;
  if (!input) throw new RangeError('no input');
  const values = new Float32Array(body.buffer.slice(body.byteOffset + end, body.byteOffset + body.length));
  const result = await session.run({ [input.name]: new Tensor('float32', values, input.shape) });
  const output = result[outputName];
  if (!output) throw new RangeError('no output');
  const { buffer, byteOffset, byteLength } = output.data as Float32Array;
  const json = Buffer.from(
    JSON.stringify({
      model_name: 'bare',
      outputs: [
        {
          name: outputName,
          datatype: 'FP32',
          shape: output.dims,
          parameters: { binary_data_size: byteLength },
        },
      ],
    }),
  );
  return reply
    .header('content-type', 'application/octet-stream')
    .header('inference-header-content-length', json.length)
    .send(Buffer.concat([json, Buffer.from(buffer, byteOffset, byteLength)]));
});

const address = await app.listen({ host: '127.0.0.1', port: 0 });
console.log(JSON.stringify({ event: 'listening', url: address }));
