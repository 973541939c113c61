/** A verdict on a store in words. Pure. */
import { count } from '../batch/words.ts';
import type { StoreVerdict, StreamVerdict } from './verify-store.ts';

export function verifyText(path: string, { damage, streams, sound, epoch }: StoreVerdict): string {
  const lines = [
    sound ? `${path} is sound (store epoch ${epoch}).` : `${path} is not sound (store epoch ${epoch}).`,
    ...streams.map(streamText),
  ];
  if (damage.length > 0) {
    lines.push('Damaged pages, as SQLite tells them:', ...damage.map((words) => `  ${words}`));
    lines.push('An agent that starts with this file saves what can be read, and counts the rest.');
  }
  if (streams.some(({ altered }) => altered > 0)) {
    lines.push('An agent leaves altered records out, and counts them.');
  }
  return lines.join('\n');
}

function streamText({
  stream,
  records,
  altered,
  first,
  last,
  missing,
  counted,
  gaps,
}: StreamVerdict): string {
  const numbers = first === null ? 'none' : `${count(records)}, numbers ${first} to ${last}`;
  const span = altered === 0 ? numbers : `${numbers}, ${count(altered)} altered on the disk`;
  if (missing === 0) return `  ${stream}: ${span}; none missing that no server has.`;
  const places = gaps.slice(0, 3).map(({ from, to }) => (from === to ? `${from}` : `${from} to ${to}`));
  const where = `${places.join(', ')}${gaps.length > places.length ? ', …' : ''}`;
  const known =
    missing <= counted
      ? 'all of them dropped and counted by the device'
      : `${count(missing - counted)} of them without a trace`;
  return `  ${stream}: ${span}; ${count(missing)} missing (${where}), ${known}.`;
}
