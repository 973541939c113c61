/** `andon dead-letters …`: what the server refused to take, and why. */
import { type Command, InvalidArgumentError } from 'commander';
import type { DeadLetterDetailView } from '../../sync-server/views/dead-letter.ts';
import { cliError } from '../errors.ts';
import { print, sharedOptions } from '../shared-options.ts';
import { age, table } from '../table.ts';

const REASON_CHARS = 70;
const BYTES_A_LINE = 16;

export function addDeadLetterCommands(program: Command): void {
  const letters = program
    .command('dead-letters')
    .description('messages that the server refused, newest first; the newest 25 of a topic are kept')
    .action(async (_options, command: Command) => {
      const options = sharedOptions(command);
      const found = await options.api.deadLetters();
      print(options, found, () => {
        if (found.deadLetters.length === 0) return 'No message was refused.';
        const nowMs = Date.now();
        const rows = found.deadLetters.map((letter) => [
          String(letter.id),
          age(nowMs - letter.lastMs),
          String(letter.times),
          letter.device ?? '–',
          letter.code,
          shorten(letter.reason),
        ]);
        const more = found.kept - rows.length;
        return [
          table(['ID', 'LAST', 'TIMES', 'DEVICE', 'CODE', 'REASON'], rows),
          ...(more > 0 ? [`And ${more} older ones.`] : []),
          'One of them: andon dead-letters show ID',
        ].join('\n');
      });
    });
  letters
    .command('show')
    .description('one refused message: why, how often, and how it begins')
    .argument('<id>', 'as listed', parseId)
    .action(async (id: number, _options, command: Command) => {
      const options = sharedOptions(command);
      const letter = await options.api.deadLetter(id);
      print(options, letter, () => deadLetterText(letter, Date.now()));
    });
  letters
    .command('drop')
    .description('forget a refused message that was dealt with')
    .argument('[id]', 'as listed', parseId)
    .option('--all', 'forget all of them')
    .action(async (id: number | undefined, { all }: { all?: boolean }, command: Command) => {
      if ((id === undefined) !== (all === true)) {
        throw cliError('ARGUMENT_INVALID', 'Name one dead letter, or say --all.');
      }
      const options = sharedOptions(command);
      const { dropped } = await options.api.dropDeadLetters(id);
      print(options, { dropped }, () => `Dropped ${dropped}.`);
    });
}

/** @param nowMs wall clock */
export function deadLetterText(letter: DeadLetterDetailView, nowMs: number): string {
  const head = Buffer.from(letter.headBase64, 'base64');
  const cut = letter.sizeBytes > head.length ? `, of which the first ${head.length} are kept` : '';
  const times = letter.times === 1 ? 'once' : `${letter.times} times`;
  return [
    `${letter.code}: ${letter.reason}`,
    `Topic ${letter.topic}`,
    `Came ${times}, last ${age(nowMs - letter.lastMs)} ago, first ${new Date(letter.firstMs).toISOString()}`,
    `${letter.sizeBytes} bytes${cut}`,
    '',
    isText(head) ? head.toString() : hexDump(head),
  ].join('\n');
}

/** Offset, bytes, and what of them is printable ASCII. */
function hexDump(bytes: Buffer): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += BYTES_A_LINE) {
    const line = bytes.subarray(at, at + BYTES_A_LINE);
    const hex = [...line].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = line.toString('latin1').replace(/[^\x20-\x7e]/g, '.');
    lines.push(`${at.toString(16).padStart(4, '0')}  ${hex.padEnd(BYTES_A_LINE * 3 - 1)}  ${text}`);
  }
  return lines.join('\n');
}

function isText(bytes: Buffer): boolean {
  return /^[\P{Cc}\s]*$/u.test(bytes.toString()) && !bytes.toString().includes('\u{fffd}');
}

function shorten(text: string): string {
  const line = text.replaceAll('\n', ' ');
  return line.length > REASON_CHARS ? `${line.slice(0, REASON_CHARS - 1)}…` : line;
}

function parseId(text: string): number {
  if (!/^[1-9][0-9]{0,14}$/.test(text)) throw new InvalidArgumentError('It is a number, as listed.');
  return Number(text);
}
