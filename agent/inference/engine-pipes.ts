/** The engine process's ends of its two pipes. When the agent's ends are closed, nobody is left to ask or to hear. */
import { writeSync } from 'node:fs';
import { type OnReadOpts, Socket } from 'node:net';
import type { EngineAnswer } from './engine-messages.ts';
import { FrameReader, frameOf } from './frame.ts';

/** As engine-spawn.ts gives them. */
const REQUESTS_FD = 3;
const ANSWERS_FD = 4;
const READ_BYTES = 64 * 1024;

export function openRequests(onMessage: (message: unknown) => void): void {
  const reader = new FrameReader(onMessage);
  // One buffer for good: new memory and a stream's event for each request are a tenth of what a lone sample waits for.
  const onread: OnReadOpts = {
    buffer: new Uint8Array(READ_BYTES),
    callback: (bytes, buffer) => {
      reader.push(buffer.subarray(0, bytes));
      return true;
    },
  };
  const options = { fd: REQUESTS_FD, writable: false, onread };
  const requests = new Socket(options).resume();
  requests.on('close', () => process.exit(0));
  requests.on('error', () => process.exit(0));
}

/** In the same turn. It waits where the pipe is full: while the agent reads no answers, there is nothing else to do. */
export function send(message: EngineAnswer): void {
  const frame = frameOf(message);
  try {
    for (let at = 0; at < frame.length; ) at += writeSync(ANSWERS_FD, frame, at);
  } catch {
    process.exit(0);
  }
}
