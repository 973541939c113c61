/** A server sends each chunk once, however many devices and however slow a broker; and again to who has missed it. */
import { expect, it } from 'vitest';
import { AskedChunks } from '../../../sync-server/registry/asked-chunks.ts';

const nothing = () => false;
const everything = () => true;

it('sends what the broker does not hold at once, once for many who ask', () => {
  const asked = new AskedChunks();
  expect(asked.due('mill-1', ['a', 'b', 'a'], nothing, 0)).toEqual(['a', 'b']);
  expect(asked.due('mill-2', ['b', 'c'], nothing, 499)).toEqual(['c']);
  expect(asked.due('mill-2', ['b'], nothing, 500)).toEqual(['b']);
});

it('lets a slow broker hand out what it holds to a whole fleet that grows impatient', () => {
  const asked = new AskedChunks();
  for (let device = 0; device < 1000; device++) {
    expect(asked.due(`mill-${device}`, ['a', 'b'], everything, device)).toEqual([]);
  }
});

it('sends what the broker should have handed out when the same device asks again', () => {
  const asked = new AskedChunks();
  expect(asked.due('mill-1', ['a', 'b'], everything, 0)).toEqual([]);
  expect(asked.due('mill-1', ['a'], everything, 2000)).toEqual(['a']);
});

it('waits no longer once a broker has proved to keep nothing, until the next connection', () => {
  const asked = new AskedChunks();
  asked.due('mill-1', ['a'], everything, 0);
  asked.due('mill-1', ['a'], everything, 2000);
  expect(asked.due('mill-2', ['b'], everything, 2001)).toEqual(['b']);
  asked.connected();
  expect(asked.due('mill-3', ['c'], everything, 3000)).toEqual([]);
});

it('remembers no more than it may, whoever asks for what', () => {
  const asked = new AskedChunks();
  const many = Array.from({ length: 70_000 }, (_, i) => `${i}`);
  expect(asked.due('mill-1', many, everything, 0)).toEqual([]);
});
