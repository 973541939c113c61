import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FeedbackRule } from '../../../agent/config/schema.ts';
import {
  type AbsenceRule,
  absenceEvidence,
  absenceRules,
  absenceWindow,
  eventEvidence,
  eventRules,
  silenceCounts,
} from '../../../agent/feedback/rule-matching.ts';

const name = fc.constantFrom('machine-failed', 'part-reworked', 'passed-downstream');
const anyRule: fc.Arbitrary<FeedbackRule> = fc.oneof(
  fc.record({
    name,
    when: fc.constant('event' as const),
    event: name,
    label: fc.string(),
    weight: fc.constant(1),
  }),
  fc.record({
    name,
    when: fc.constant('absence' as const),
    event: name,
    withinMs: fc.integer({ min: 1, max: 86_400_000 }),
    label: fc.string(),
    weight: fc.constant(0.9),
  }),
);
const absence: AbsenceRule = {
  name: 'ok',
  when: 'absence',
  event: 'machine-failed',
  withinMs: 2000,
  label: 'ok',
  weight: 0.9,
};

describe('matching of rules', () => {
  it('gives each rule to exactly one kind, and an event only to the rules that name it', () => {
    fc.assert(
      fc.property(fc.array(anyRule), name, (rules, kind) => {
        const events = eventRules(rules, kind);
        expect(events.every((rule) => rule.event === kind)).toBe(true);
        const others = rules.filter((rule) => rule.when === 'event' && rule.event !== kind);
        expect(events.length + others.length + absenceRules(rules).length).toBe(rules.length);
      }),
    );
  });

  it('takes silence as evidence only about a known part, and only when somebody listened until the deadline', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1e13 }),
        fc.integer({ min: 0, max: 1e13 }),
        (timeMs, earlierUntilMs) => {
          const own = { timeMs, run: 'now', correlationId: 'L1' };
          const listening = { run: 'now', earlierUntilMs };
          expect(silenceCounts(absence, own, listening)).toBe(true);
          expect(silenceCounts(absence, { ...own, correlationId: null }, listening)).toBe(false);
          const earlier = silenceCounts(absence, { ...own, run: 'before' }, listening);
          expect(earlier).toBe(timeMs + absence.withinMs <= earlierUntilMs);
        },
      ),
    );
  });

  it('looks for the event as far back as forward', () => {
    expect(absenceWindow(absence, 10_000)).toEqual({ fromMs: 8000, toMs: 12_000 });
  });

  it('says in words of bounded length what was seen', () => {
    expect(eventEvidence({ timeMs: 0, kind: 'machine-failed', correlationId: 'L1', station: 'mill-1' })).toBe(
      'machine-failed at mill-1',
    );
    const long = { timeMs: 0, kind: 'machine-failed', correlationId: 'L1', station: 'x'.repeat(999) };
    expect(eventEvidence(long)).toHaveLength(256);
    expect(absenceEvidence(absence)).toBe('no machine-failed within 2000 ms');
  });
});
