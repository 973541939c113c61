/** `andon tokens …` and `andon audit …`: beside the server, in its data folder, because whoever may write there is its keeper. */
import { userInfo } from 'node:os';
import { Argument, type Command, InvalidArgumentError, Option } from 'commander';
import type { Tokens } from '../../sync-server/access/tokens.ts';
import { ROLES, type Role } from '../../sync-server/role.ts';
import type { ServerStore } from '../../sync-server/store/server-store.ts';
import { cliError } from '../errors.ts';
import { print, sharedOptions } from '../shared-options.ts';
import { table } from '../table.ts';

const DEFAULT_FOLDER = 'data/server';

interface FolderOption {
  data: string;
}

export function addTokenCommands(program: Command): void {
  const tokens = program
    .command('tokens')
    .description('who may call the server: made beside it, in its data folder');
  tokens
    .command('add')
    .description('make a token; it is shown once')
    .argument('<name>', 'the person or program that will hold it')
    .addArgument(
      new Argument('<role>', 'viewer looks, operator also holds rollouts, release decides').choices(ROLES),
    )
    .addOption(folderOption())
    .option('--days <n>', 'ends after so many days; without it, when it is revoked', days)
    .action(async (name: string, role: Role, options: FolderOption & { days?: number }, command: Command) => {
      const secret = await withTokens(options.data, (held) =>
        held.add(name, role, options.days ?? null, keeper()),
      );
      print(sharedOptions(command), { name, role, token: secret }, () =>
        [
          secret,
          '',
          'It is shown this once. Give it to the commands as ANDON_TOKEN, or sign in on the console with it.',
        ].join('\n'),
      );
    });
  tokens
    .command('list')
    .description('list the tokens, without their secrets')
    .addOption(folderOption())
    .action(async ({ data }: FolderOption, command: Command) => {
      const held = await withTokens(data, (each) => each.list());
      print(sharedOptions(command), held, () =>
        held.length === 0
          ? 'No token is in force.'
          : table(
              ['NAME', 'ROLE', 'MADE', 'ENDS'],
              held.map(({ name, role, createdAtMs, expiresAtMs }) => [
                name,
                role,
                day(createdAtMs),
                expiresAtMs === null ? 'when revoked' : day(expiresAtMs),
              ]),
            ),
      );
    });
  tokens
    .command('revoke')
    .description('end a token at once, with all that are signed in by it')
    .argument('<name>')
    .addOption(folderOption())
    .action(async (name: string, { data }: FolderOption) => {
      const left = await withTokens(data, (held) => {
        held.revoke(name, keeper());
        return held.list().length;
      });
      console.log(`The token of ${name} counts no more.`);
      if (left === 0) console.log('It was the last: nobody may call until you add another.');
    });
}

export function addAuditCommands(program: Command): void {
  program
    .command('audit')
    .description('the log of who changed what')
    .command('verify')
    .description('check that no row was changed, added or taken out since it was written')
    .addOption(folderOption())
    .option('--expect <id:hash>', 'a row as a log elsewhere has it: shows a log that was cut or written anew')
    .action(async ({ data, expect }: FolderOption & { expect?: string }, command: Command) => {
      const expected = expect === undefined ? undefined : parseExpected(expect);
      const { check, found } = await withStore(data, ({ audit }) => ({
        check: audit.verify(),
        found: expected && audit.hashOf(expected.id),
      }));
      if (check.brokenAt !== null) {
        throw cliError(
          'AUDIT_BROKEN',
          `Row ${check.brokenAt} of the audit log does not fit the rows before it.`,
          {
            hint: `Rows up to ${check.sound} hold. Compare the others with the server's log, which tells each of them.`,
          },
        );
      }
      if (expected && found !== expected.hash) {
        throw cliError(
          'AUDIT_BROKEN',
          `Row ${expected.id} of the audit log is ${found ? 'another one' : 'gone'}.`,
          {
            hint: 'The log was cut or written anew after that copy was made.',
          },
        );
      }
      print(sharedOptions(command), check, () =>
        check.head
          ? `All ${check.sound} rows hold. Keep elsewhere: ${check.head.id}:${check.head.hash}`
          : 'The audit log is empty.',
      );
    });
}

function folderOption(): Option {
  return new Option('--data <folder>', "the server's dataDir").default(DEFAULT_FOLDER);
}

/** Loads SQLite only for the commands that need it. */
async function withStore<T>(folder: string, work: (store: ServerStore) => T): Promise<T> {
  const { openServerStore } = await import('../../sync-server/store/server-store.ts');
  const store = openServerStore(folder, { besideServer: true });
  try {
    return work(store);
  } finally {
    store.close();
  }
}

async function withTokens<T>(folder: string, work: (tokens: Tokens) => T): Promise<T> {
  const { Tokens: Held } = await import('../../sync-server/access/tokens.ts');
  return withStore(folder, (store) => work(new Held({ store, clock: { wallMs: () => Date.now() } })));
}

/** For the audit log: the system user who ran the command. */
function keeper(): string {
  return `command line (${userInfo().username})`;
}

function parseExpected(text: string): { id: number; hash: string } {
  const [, id, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (id !== undefined && hash !== undefined) return { id: Number(id), hash };
  throw cliError('ARGUMENT_INVALID', `"${text}" is no row of an audit log.`, {
    hint: 'It looks like 17:3f…, 64 hex digits.',
  });
}

function days(text: string): number {
  const number = Number(text);
  if (number > 0 && number <= 3650) return number;
  throw new InvalidArgumentError('A number of days up to 3650.');
}

function day(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10);
}
