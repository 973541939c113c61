import { describe, expect, it } from 'vitest';
import { createLog } from '../../daemon/log.ts';

const SECRET = 'hunter2';
const fields = [
  'password',
  'token',
  'pin',
  'privateKey',
  'authorization',
  'cookie',
  'set-cookie',
  'x-andon-pin',
];

describe('the log', () => {
  const create = (to: { write(line: string): void }) => createLog('info', 'mill-1', to);

  it.each(fields)('holds no %s, at the top, in an object, or in an object of one', (field) => {
    const lines: string[] = [];
    const log = create({ write: (line) => void lines.push(line) });
    const held = { [field]: SECRET };
    log.info(held, 'top');
    log.info({ config: held }, 'within');
    log.info({ request: { headers: held } }, 'deeper');
    expect(lines).toHaveLength(3);
    expect(lines.join('')).not.toContain(SECRET);
    expect(lines.join('').match(/\[redacted\]/g)).toHaveLength(3);
  });

  it('goes on to hold what is no secret', () => {
    const lines: string[] = [];
    create({ write: (line) => void lines.push(line) }).info({ event: 'link-up', data: { device: 'mill-1' } });
    expect(lines.join('')).toContain('"device":"mill-1"');
  });
});
