/** Feedback rules as a person would say them. Pure. */
import { MAX_PRECEDENCE } from '../../protocol/records.ts';
import type { AbsenceRule, EventRule, Exploration, FeedbackRule } from '../config/feedback.ts';
import { durationWords } from './duration-words.ts';
import { LOOKED_AT } from './rule-matching.ts';

export interface ToldRule {
  readonly name: string;
  readonly words: string;
  readonly precedence: number;
}

/** Kinds of event that lines commonly report: what is so, and what is not so. */
const KNOWN: Readonly<Record<string, readonly [so: string, not: string]>> = {
  'machine-failed': ['the machine fails', 'the machine does not fail'],
  'machine-stopped': ['the machine is stopped', 'the machine is not stopped'],
  'reject-gate-fired': ['the reject gate takes it out', 'the reject gate does not take it out'],
  'part-reworked': ['it is reworked', 'it is not reworked'],
  'rework-scanned': ['it is scanned at the rework station', 'it is not scanned at the rework station'],
  'passed-downstream': ['it passes the next test', 'it does not pass the next test'],
  'scrapped-downstream': ['it is scrapped later', 'it is not scrapped later'],
  'alarm-acknowledged': ['its alarm is acknowledged', 'its alarm is not acknowledged'],
  'alarm-silenced': ['its alarm is silenced', 'its alarm is not silenced'],
  [LOOKED_AT]: ['somebody looks at it on this page', 'nobody looks at it on this page'],
};

/** In the order in which they go before each other; operators first, whether a rule names them or not. */
export function toldRules(rules: readonly FeedbackRule[]): ToldRule[] {
  const answer = rules.find((rule) => rule.when === 'answer');
  const operators = {
    name: 'operator',
    words: `What an operator answers on this page counts before everything the line says, trusted ${answer?.weight ?? 1}.`,
    precedence: MAX_PRECEDENCE,
  };
  const lineRules = rules
    .filter((rule) => rule.when !== 'answer')
    .map((rule) => ({
      name: rule.name,
      words: rule.when === 'event' ? eventWords(rule) : absenceWords(rule),
      precedence: rule.precedence,
    }))
    .sort((a, b) => b.precedence - a.precedence);
  return [operators, ...lineRules];
}

export function explorationWords({ share, labels }: Exploration): string {
  const percent = Math.round(share * 1000) / 10;
  return `Of the parts called ${listed(labels)}, ${percent}% go on for inspection by chance, so that it is seen what such parts are.`;
}

function eventWords(rule: EventRule): string {
  const lasting = rule.lasting ? ` for ${lastingWords(rule.lasting)}` : '';
  const when = timeWords(rule);
  const unless = rule.unless
    ? `, and within ${durationWords(rule.unless.withinMs)} after that ${kindWords(rule.unless.event)[1]}`
    : '';
  const station = rule.at
    ? ` An event at ${rule.at.station} that names no part is taken to be about the one judged ${spanWords(rule)} before; where two come into question, about none.`
    : '';
  return `A part counts as ${rule.label} if ${kindWords(rule.event)[0]}${lasting}${when}${unless}, trusted ${rule.weight}.${station}${seenWords(rule)}`;
}

function absenceWords(rule: AbsenceRule): string {
  const [, not] = kindWords(rule.event);
  const station = rule.at
    ? ` An event at ${rule.at.station} that names no part breaks the silence of all parts judged ${spanWords({ afterMs: rule.at.afterMs, withinMs: rule.withinMs })} before.`
    : '';
  return `A part counts as ${rule.label} if ${not} within ${durationWords(rule.withinMs)}, trusted ${rule.weight}.${station}${seenWords(rule)}`;
}

function kindWords(kind: string): readonly [string, string] {
  return KNOWN[kind] ?? [`“${kind}” is reported of it`, `no “${kind}” is reported of it`];
}

function timeWords({ afterMs, withinMs }: EventRule): string {
  if (afterMs === 0) return withinMs === undefined ? '' : ` within ${durationWords(withinMs)}`;
  if (withinMs === undefined) return ` ${durationWords(afterMs)} or more after it was judged`;
  return ` ${durationWords(afterMs)} to ${durationWords(withinMs)} after it was judged`;
}

function spanWords({ afterMs, withinMs = 0 }: Pick<EventRule, 'afterMs' | 'withinMs'>): string {
  return afterMs === 0
    ? `at most ${durationWords(withinMs)}`
    : `${durationWords(afterMs)} to ${durationWords(withinMs)}`;
}

function lastingWords({ atLeastMs, atMostMs }: NonNullable<EventRule['lasting']>): string {
  if (atMostMs === undefined) return `${durationWords(atLeastMs)} or more`;
  return atLeastMs === 0
    ? `at most ${durationWords(atMostMs)}`
    : `${durationWords(atLeastMs)} to ${durationWords(atMostMs)}`;
}

function seenWords({ seenFor }: EventRule | AbsenceRule): string {
  return seenFor ? ` This can be seen only of parts called ${listed(seenFor)}.` : '';
}

function listed(labels: readonly string[]): string {
  return labels.length < 2 ? (labels[0] ?? '') : `${labels.slice(0, -1).join(', ')} or ${labels.at(-1)}`;
}
