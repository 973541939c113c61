/** What was seen, in the words that travel with a label. Pure. */
import type { AbsenceRule } from '../config/feedback.ts';
import type { LineEvent } from '../sources/source.ts';
import { durationWords } from './duration-words.ts';

export function eventEvidence({ kind, station, durationMs, correlationId }: LineEvent): string {
  const lasting = durationMs === undefined ? '' : ` for ${durationWords(durationMs)}`;
  const where = station === null ? '' : ` at ${station}`;
  const how = correlationId === null && station !== null ? ', matched by time' : '';
  return cut(`${kind}${lasting}${where}${how}`);
}

export function absenceEvidence(rule: AbsenceRule): string {
  return cut(`no ${rule.event} within ${durationWords(rule.withinMs)}`);
}

export function brokenSilence(rule: AbsenceRule, event: LineEvent): string {
  return cut(`taken back: ${eventEvidence(event)} within ${durationWords(rule.withinMs)} after all`);
}

/** The wire holds evidence of up to 256 characters. */
function cut(text: string): string {
  return text.length > 256 ? `${text.slice(0, 255)}…` : text;
}
