import { describe, expect, it } from 'vitest';
import { explorationSchema, feedbackRulesSchema } from '../../../agent/config/feedback.ts';
import { loopWarnings } from '../../../agent/feedback/loop-warning.ts';
import { explorationWords, toldRules } from '../../../agent/feedback/rule-words.ts';

const said = (...rules: unknown[]) => toldRules(feedbackRulesSchema.parse(rules)).map(({ words }) => words);
const event = (over: object) => ({
  name: 'r',
  when: 'event',
  event: 'machine-failed',
  label: 'failure',
  ...over,
});
const absence = (over: object) => ({
  name: 'q',
  when: 'absence',
  event: 'machine-failed',
  withinMs: 600_000,
  label: 'ok',
  ...over,
});

describe('a rule in words', () => {
  it.each([
    [event({}), 'A part counts as failure if the machine fails, trusted 1.'],
    [
      event({ event: 'reject-gate-fired', withinMs: 600_000, weight: 0.9 }),
      'A part counts as failure if the reject gate takes it out within 10 minutes, trusted 0.9.',
    ],
    [
      event({ event: 'alarm-acknowledged', afterMs: 30_000, label: 'ok', weight: 0.3 }),
      'A part counts as ok if its alarm is acknowledged 30 seconds or more after it was judged, trusted 0.3.',
    ],
    [
      event({ event: 'reject-gate-fired', afterMs: 4000, withinMs: 6000, at: { station: 'gate-2' } }),
      'A part counts as failure if the reject gate takes it out 4 seconds to 6 seconds after it was judged, trusted 1. ' +
        'An event at gate-2 that names no part is taken to be about the one judged 4 seconds to 6 seconds before; where two come into question, about none.',
    ],
    [
      event({
        event: 'alarm-silenced',
        label: 'ok',
        weight: 0.2,
        unless: { event: 'machine-stopped', withinMs: 60_000 },
      }),
      'A part counts as ok if its alarm is silenced, and within 1 minute after that the machine is not stopped, trusted 0.2.',
    ],
    [
      event({ event: 'looked-at', lasting: { atLeastMs: 10_000 }, weight: 0.1 }),
      'A part counts as failure if somebody looks at it on this page for 10 seconds or more, trusted 0.1.',
    ],
    [
      event({ event: 'dent-found', seenFor: ['ok', 'scratch'] }),
      'A part counts as failure if “dent-found” is reported of it, trusted 1. This can be seen only of parts called ok or scratch.',
    ],
    [absence({}), 'A part counts as ok if the machine does not fail within 10 minutes, trusted 0.9.'],
    [
      absence({ event: 'returned', at: { station: 'dock' } }),
      'A part counts as ok if no “returned” is reported of it within 10 minutes, trusted 0.9. An event at dock that names no part breaks the silence of all parts judged at most 10 minutes before.',
    ],
  ])('is said as a person would: %#', (rule, words) => {
    expect(said(rule).slice(1)).toEqual([words]);
  });

  it('stands behind those that go before it, operators first', () => {
    const rules = feedbackRulesSchema.parse([
      absence({}),
      event({ name: 'weak', precedence: 100 }),
      event({ name: 'strong' }),
      { name: 'floor', when: 'answer', weight: 0.8 },
    ]);
    expect(toldRules(rules).map(({ name }) => name)).toEqual(['operator', 'strong', 'q', 'weak']);
    expect(toldRules(rules)[0]?.words).toContain('trusted 0.8');
  });

  it('tells the share that goes on by chance', () => {
    const exploration = explorationSchema.parse({ share: 0.05, labels: ['failure'] });
    expect(exploration && explorationWords(exploration)).toBe(
      'Of the parts called failure, 5% go on for inspection by chance, so that it is seen what such parts are.',
    );
  });
});

describe('the warning of a loop', () => {
  const slot = (rules: unknown[], over: { exploration?: unknown; safety?: boolean } = {}) => ({
    feedback: feedbackRulesSchema.parse(rules),
    exploration: explorationSchema.parse(over.exploration ?? null),
    safety: over.safety ?? false,
  });
  const hiding = [event({ seenFor: ['ok'] }), absence({ seenFor: ['ok'] })];
  const exploration = { share: 0.05, labels: ['failure'] };

  it('comes where no rule can see what a kind of part really was', () => {
    expect(loopWarnings(slot(hiding))).toEqual([expect.stringContaining('"labels": ["failure"]')]);
  });

  it('does not come where a share goes on, or one rule sees all', () => {
    expect(loopWarnings(slot(hiding, { exploration }))).toEqual([]);
    expect(loopWarnings(slot([event({}), absence({ seenFor: ['ok'] })]))).toEqual([]);
    expect(loopWarnings(slot([]))).toEqual([]);
  });

  it('never advises chance in a safety slot', () => {
    const [warning] = loopWarnings(slot(hiding, { safety: true }));
    expect(warning).toContain('let people answer');
    expect(warning).not.toContain('exploration');
  });

  it('says when parts go on for nothing', () => {
    expect(loopWarnings(slot([event({})], { exploration }))).toEqual([
      expect.stringContaining('leave the exploration out'),
    ]);
  });
});
