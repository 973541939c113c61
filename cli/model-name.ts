/** `name@version` or `name@alias`, as commands take it. */
import { cliError } from './errors.ts';

/** @returns the name, and a version or an alias @throws CodedError ARGUMENT_INVALID */
export function parseModelName(text: string): [name: string, reference: string] {
  const match = /^([a-z0-9][a-z0-9-]*)@([a-z0-9][a-z0-9-]*)$/.exec(text);
  if (match?.[1] && match[2]) return [match[1], match[2]];
  throw cliError('ARGUMENT_INVALID', `"${text}" is neither name@version nor name@alias.`, {
    hint: 'For example milling-failure@2. List what is there: andon models.',
  });
}
