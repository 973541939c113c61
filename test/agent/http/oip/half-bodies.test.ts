/** Large bodies that never end: together they take no more memory than a few whole ones, and small requests pass. */
import type { AddressInfo } from 'node:net';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { makePackage } from '../../../support/packages.ts';
import { waitFor } from '../../../support/processes.ts';
import { EngineLane } from './engine-lane.ts';

const MIB = 1024 * 1024;
const WAIT_MS = 10_000;
const lane = new EngineLane();
let port = 0;

beforeAll(async () => {
  await lane.start(makePackage({ graph: { weights: [[1, 0]] } }));
  await lane.app.listen({ host: '127.0.0.1', port: 0 });
  port = (lane.app.server.address() as AddressInfo).port;
});
afterAll(() => lane.stop());

/** Says that its body has so many bytes, and sends some of them. @returns the socket, and what was answered so far */
function halfBody(bytes: number, sent: number): { socket: Socket; answer: () => string } {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.on('data', (data) => {
    text += data.toString();
  });
  socket.on('error', () => undefined);
  socket.write(
    `POST /v2/models/press/infer HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-length: ${bytes}\r\n\r\n`,
  );
  socket.write(Buffer.alloc(sent, 0x20));
  onTestFinished(() => void socket.destroy());
  return { socket, answer: () => text };
}

const isAnswered = ({ answer }: { answer: () => string }) => answer().includes('\r\n\r\n');

const serves = async () => {
  const body = JSON.stringify({ inputs: [{ name: 'input', datatype: 'FP32', shape: [1, 2], data: [1, 2] }] });
  const response = await fetch(`http://127.0.0.1:${port}/v2/models/press/infer`, { method: 'POST', body });
  return response.status;
};

it('refuses the ones that are too many, and takes large ones again once those are gone', async () => {
  const halves = [1, 2, 3, 4].map(() => halfBody(30 * MIB, 20 * MIB));
  await waitFor(() => halves.some(isAnswered), WAIT_MS, 'one to be refused');
  const refused = halves.filter(({ answer }) => answer() !== '');
  expect(refused.map(({ answer }) => answer().split('\r\n')[0])).toEqual(
    refused.map(() => 'HTTP/1.1 503 Service Unavailable'),
  );
  expect(refused.length).toBeLessThan(4);
  expect(await serves()).toBe(200);
  for (const { socket } of halves) socket.destroy();
  const isTaken = async () => {
    const whole = halfBody(30 * MIB, 30 * MIB);
    await waitFor(() => isAnswered(whole), WAIT_MS, 'an answer');
    // Spaces are no request; but they were read.
    return whole.answer().startsWith('HTTP/1.1 400');
  };
  await waitFor(isTaken, WAIT_MS, 'memory for a large one');
});
