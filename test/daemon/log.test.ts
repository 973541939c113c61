import { describe, expect, it } from 'vitest';
import { agentError } from '../../agent/errors.ts';
import { createLog } from '../../daemon/log.ts';

function logged(act: (log: ReturnType<typeof createLog>) => void): Record<string, unknown>[] {
  const lines: string[] = [];
  act(createLog('info', 'mill-1', { write: (line) => lines.push(line) }));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('the log', () => {
  it('writes one JSON line an event, with an ISO time and the level as a word', () => {
    const lines = logged((log) => {
      log.debug('not shown');
      log.info({ slot: 'milling' }, 'two\nlines');
    });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ level: 'info', name: 'mill-1', slot: 'milling', msg: 'two\nlines' });
    expect(lines[0]?.time).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  });

  it('keeps code and hint of an error', () => {
    const err = agentError('PORT_TAKEN', 'no', { hint: 'take another' });
    expect(logged((log) => log.error({ err }, 'failed'))[0]?.err).toMatchObject({
      code: 'PORT_TAKEN',
      hint: 'take another',
    });
  });

  it('shows no stack of an expected error, and its cause in one line', () => {
    const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    const err = agentError('BROKER_UNREACHABLE', 'no answer', { cause });
    const [line] = logged((log) => log.warn({ err }, 'refused'));
    expect(line?.err).toEqual({
      code: 'BROKER_UNREACHABLE',
      message: 'no answer',
      cause: 'ECONNREFUSED: connect ECONNREFUSED',
    });
  });

  it('shows the stack of what nobody expected', () => {
    const [line] = logged((log) => log.error({ err: new TypeError('x is not a function') }, 'failed'));
    expect(JSON.stringify(line?.err)).toContain('log.test.ts');
  });

  it('hides secrets, also inside', () => {
    const options = { password: 'hunter2', headers: { authorization: 'hunter2' }, privateKey: 'hunter2' };
    expect(JSON.stringify(logged((log) => log.info({ options, token: 'hunter2' }, 'x')))).not.toContain(
      'hunter2',
    );
  });
});
