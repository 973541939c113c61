import { describe, expect, it } from 'vitest';
import { FailureLimit } from '../../../sync-server/access/failure-limit.ts';
import { Sessions } from '../../../sync-server/access/sessions.ts';
import { Tokens } from '../../../sync-server/access/tokens.ts';
import { allows, ROLES } from '../../../sync-server/role.ts';
import { TestClock, temporaryStore } from '../support.ts';

const DAY_MS = 86_400_000;

function setUp() {
  const store = temporaryStore();
  const clock = new TestClock();
  return { store, clock, tokens: new Tokens({ store, clock }) };
}

describe('roles', () => {
  it('hold what the ones before them hold', () => {
    const table = ROLES.map((held) => ROLES.map((needed) => allows(held, needed)));
    expect(table).toEqual([
      [true, false, false],
      [true, true, false],
      [true, true, true],
    ]);
  });
});

describe('tokens', () => {
  it('name their holder, and stand in the store as a hash alone', () => {
    const { store, tokens } = setUp();
    const secret = tokens.add('anna', 'release', null, 'test');
    expect(secret).toMatch(/^andon_[\w-]{43}$/);
    expect(tokens.find(secret)).toEqual({ name: 'anna', role: 'release' });
    expect(JSON.stringify([store.tokens.all(), store.audit.newest(10)])).not.toContain(secret.slice(6));
  });

  it.each(['', 'andon_', 'x'.repeat(49), `andon_${'A'.repeat(43)}`])('find nobody by "%s"', (secret) => {
    const { tokens } = setUp();
    tokens.add('anna', 'viewer', null, 'test');
    expect(tokens.find(secret)).toBeUndefined();
  });

  it('end on their day, and at once when they are revoked', () => {
    const { tokens, clock } = setUp();
    const short = tokens.add('guest', 'viewer', 1, 'test');
    const long = tokens.add('anna', 'viewer', null, 'test');
    clock.nowMs += DAY_MS;
    expect(tokens.find(short)).toBeUndefined();
    expect(tokens.find(long)).toBeDefined();
    tokens.revoke('anna', 'test');
    expect(tokens.find(long)).toBeUndefined();
    expect(tokens.exist).toBe(true);
  });

  it('have one holder each, whose name is free again after a revocation', () => {
    const { tokens } = setUp();
    tokens.add('anna', 'viewer', null, 'test');
    expect(() => tokens.add('anna', 'release', null, 'test')).toThrow('already');
    expect(() => tokens.add('Anna B', 'viewer', null, 'test')).toThrow('no name');
    expect(() => tokens.revoke('bert', 'test')).toThrow('no token of bert');
    tokens.revoke('anna', 'test');
    const again = tokens.add('anna', 'operator', null, 'test');
    expect(tokens.find(again)).toEqual({ name: 'anna', role: 'operator' });
  });

  it('leave a line in the audit log when they are made and when they end', () => {
    const { tokens, store } = setUp();
    tokens.add('anna', 'viewer', null, 'keeper');
    tokens.revoke('anna', 'keeper');
    expect(store.audit.newest(10)).toMatchObject([
      { who: 'keeper', action: 'token-revoked', subject: 'anna' },
      { who: 'keeper', action: 'token-added', subject: 'anna viewer' },
    ]);
  });
});

describe('sessions', () => {
  it('end with their token, after half a day, and when they are closed', () => {
    const { tokens, clock } = setUp();
    const sessions = new Sessions(tokens, clock);
    const secret = tokens.add('anna', 'operator', null, 'test');
    const [first, second] = [sessions.open(secret), sessions.open(secret)];
    expect(sessions.find(first)).toEqual({ name: 'anna', role: 'operator' });
    sessions.close(first);
    expect(sessions.find(first)).toBeUndefined();
    clock.nowMs += DAY_MS / 2;
    expect(sessions.find(second)).toBeUndefined();
    const third = sessions.open(secret);
    tokens.revoke('anna', 'test');
    expect(sessions.find(third)).toBeUndefined();
  });
});

describe('the limit of failures', () => {
  it('asks an address to wait after ten in a minute, and nobody else', () => {
    const clock = new TestClock();
    const limit = new FailureLimit(clock);
    expect(Array.from({ length: 10 }, () => limit.failed('10.0.0.1'))).toEqual(Array(10).fill(0));
    clock.nowMs += 20_000;
    expect(limit.failed('10.0.0.1')).toBe(40);
    expect(limit.failed('10.0.0.2')).toBe(0);
    clock.nowMs += 40_000;
    expect(limit.failed('10.0.0.1')).toBe(0);
  });
});
