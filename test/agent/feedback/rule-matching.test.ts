import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AbsenceRule,
  type EventRule,
  type FeedbackRule,
  feedbackRulesSchema,
} from '../../../agent/config/feedback.ts';
import { durationWords } from '../../../agent/feedback/duration-words.ts';
import { absenceEvidence, eventEvidence } from '../../../agent/feedback/evidence-words.ts';
import {
  absenceRules,
  absenceWindow,
  eventRules,
  isInTime,
  nearest,
  silenceCounts,
} from '../../../agent/feedback/rule-matching.ts';

const [absence, acknowledged] = feedbackRulesSchema.parse([
  { name: 'ok', when: 'absence', event: 'machine-failed', withinMs: 2000, label: 'ok' },
  {
    name: 'late',
    when: 'event',
    event: 'alarm-acknowledged',
    afterMs: 30_000,
    withinMs: 90_000,
    label: 'ok',
  },
]) as [AbsenceRule, EventRule];

const name = fc.constantFrom('machine-failed', 'part-reworked', 'passed-downstream');
const anyRule: fc.Arbitrary<FeedbackRule> = fc
  .record({
    name,
    when: fc.constantFrom('event', 'absence'),
    event: name,
    label: fc.constant('ok'),
    withinMs: fc.integer({ min: 1, max: 86_400_000 }),
  })
  .map((rule) => feedbackRulesSchema.parse([rule])[0] as FeedbackRule);

describe('matching of rules', () => {
  it('gives each rule to exactly one kind, and an event only to the rules that name it', () => {
    fc.assert(
      fc.property(fc.array(anyRule), name, (rules, kind) => {
        const events = eventRules(rules, { kind });
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
    expect(absenceEvidence(absence)).toBe('no machine-failed within 2 seconds');
  });

  it('takes an acknowledgement late enough, and not days later', () => {
    expect([29_999, 30_000, 90_000, 90_001].map((ms) => isInTime(acknowledged, ms, 0))).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  it('chooses the same part in whatever order candidates come, and none where two are near', () => {
    const span = { fromMs: 0, toMs: 2000 };
    const times = fc.array(fc.integer({ min: 0, max: 2000 }), { maxLength: 6 });
    fc.assert(
      fc.property(times, fc.integer({ min: 1, max: 900 }), (all, clearByMs) => {
        const candidates = all.map((timeMs) => ({ timeMs }));
        const chosen = nearest(candidates, span, clearByMs);
        expect(nearest(candidates.toReversed(), span, clearByMs)).toEqual(chosen);
        const distances = all.map((timeMs) => Math.abs(timeMs - 1000)).sort((a, b) => a - b);
        const [best = 0, rival = Number.POSITIVE_INFINITY] = distances;
        if (all.length === 0) expect(chosen).toBeUndefined();
        else if (rival - best < clearByMs) expect(chosen).toBe('ambiguous');
        else expect(Math.abs((chosen as { timeMs: number }).timeMs - 1000)).toBe(best);
      }),
    );
  });

  it.each([
    [200, '200 ms'],
    [1000, '1 second'],
    [1500, '1.5 seconds'],
    [90_000, '1.5 minutes'],
    [600_000, '10 minutes'],
    [3_600_000, '1 hour'],
    [100_000, '100 seconds'],
    [172_800_000, '2 days'],
    [12_345, '12.3 seconds'],
  ])('says %s ms as %s', (ms, words) => {
    expect(durationWords(ms)).toBe(words);
  });
});
