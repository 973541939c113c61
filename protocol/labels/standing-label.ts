/**
 * Which label of a prediction stands, from all the evidence about it. Pure, and the same on the device and the server.
 *
 * 1. Of each rule only the newest evidence counts; where that is withdrawn, the rule has nothing to say.
 * 2. Explicit evidence goes before implicit.
 * 3. Then the higher precedence, then the later evidence: by when a thing happened, not by when it was heard of.
 * 4. Of what is equal in all of that: the more trusted, then the first by the rule's name, then the lower label; and of what one
 *    rule says twice alike, what was heard first.
 *
 * So the order in which evidence arrives never matters, nor does hearing the same thing twice.
 */
import type { Feedback } from '../records.ts';

export type Evidence = Pick<
  Feedback,
  'kind' | 'rule' | 'label' | 'weight' | 'precedence' | 'withdrawn' | 'observedMs' | 'timeMs'
>;

/** @param history all evidence about one prediction, in any order */
export function standingLabel<E extends Evidence>(history: readonly E[]): E | undefined {
  const said = newestOfEachRule(history).filter(({ withdrawn }) => !withdrawn);
  return said.length < 2 ? said[0] : said.reduce((best, next) => (goesBefore(next, best) ? next : best));
}

/** When what it tells of happened, ms since the Unix epoch. */
export function evidenceMs({ observedMs, timeMs }: Pick<Evidence, 'observedMs' | 'timeMs'>): number {
  return observedMs ?? timeMs;
}

/** What each rule says now, taken back or not. */
export function newestOfEachRule<E extends Evidence>(history: readonly E[]): E[] {
  if (history.length < 2) return [...history];
  const newest = new Map<string, E>();
  for (const evidence of history) {
    const key = `${evidence.kind} ${evidence.rule}`;
    const before = newest.get(key);
    if (!before || revises(evidence, before)) newest.set(key, evidence);
  }
  return [...newest.values()];
}

/** Both of one rule. What is withdrawn at the very time of the evidence was said before. */
function revises(next: Evidence, before: Evidence): boolean {
  return first([
    evidenceMs(next) - evidenceMs(before),
    Number(next.withdrawn) - Number(before.withdrawn),
    next.precedence - before.precedence,
    next.weight - before.weight,
    before.label - next.label,
    before.timeMs - next.timeMs,
  ]);
}

function goesBefore(a: Evidence, b: Evidence): boolean {
  return first([
    rankOf(a) - rankOf(b),
    a.precedence - b.precedence,
    evidenceMs(a) - evidenceMs(b),
    a.weight - b.weight,
    a.rule === b.rule ? 0 : a.rule < b.rule ? 1 : -1,
    b.label - a.label,
  ]);
}

/** Whether the first difference that is one speaks for the first of the two. */
function first(differences: readonly number[]): boolean {
  return (differences.find((difference) => difference !== 0) ?? 0) > 0;
}

function rankOf({ kind }: Evidence): number {
  return kind === 'explicit' ? 1 : 0;
}
