/**
 * The load of `bench http`, in a process of its own: so many keep-alive connections, each of which sends the same
 * request again as soon as it is answered. Prints one line of JSON.
 * Arguments: port, file with the bytes of one request, connections, milliseconds.
 */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';

const [port, file, connections, forMs] = process.argv.slice(2);
const request = readFileSync(file);
const latenciesMs = [];
const startedMs = performance.now();
const untilMs = startedMs + Number(forMs);
let refused = 0;
/** What a server says that does not answer. */
let refusal = '';

function play() {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), '127.0.0.1').setNoDelay().on('error', reject);
    let received = Buffer.alloc(0);
    let sentMs = 0;
    const send = () => {
      sentMs = performance.now();
      socket.write(request);
    };
    socket.on('connect', send).on('data', (bytes) => {
      received = received.length === 0 ? bytes : Buffer.concat([received, bytes]);
      const head = received.indexOf('\r\n\r\n');
      if (head < 0) return;
      const text = received.toString('latin1', 0, head);
      const length = Number(/^content-length: (\d+)/im.exec(text)?.[1]);
      if (received.length < head + 4 + length) return;
      if (!text.startsWith('HTTP/1.1 200')) {
        refused += 1;
        refusal = received.toString('utf8', 0, head + 4 + length).slice(0, 1000);
      }
      received = received.subarray(head + 4 + length);
      const nowMs = performance.now();
      latenciesMs.push(nowMs - sentMs);
      if (nowMs < untilMs) send();
      else resolve(socket.destroy());
    });
  });
}

await Promise.all(Array.from({ length: Number(connections) }, play));
const tookMs = performance.now() - startedMs;
latenciesMs.sort((a, b) => a - b);
console.log(
  JSON.stringify({
    perS: (latenciesMs.length / tookMs) * 1000,
    p50Ms: latenciesMs[Math.floor(latenciesMs.length * 0.5)],
    p99Ms: latenciesMs[Math.floor(latenciesMs.length * 0.99)],
    refused,
    refusal,
  }),
);
