/** The judgement of a rollout stage with its words: what a look decides. Pure. */
import { type Judgement, judge, type StageEvidence } from './judge.ts';
import { verdictWords } from './verdict-words.ts';

export interface Verdict {
  readonly verdict: Judgement['verdict'];
  /** In words, with the numbers it rests on. */
  readonly reason: string;
}

export function decide(evidence: StageEvidence): Verdict {
  const judgement = judge(evidence);
  return { verdict: judgement.verdict, reason: verdictWords(evidence, judgement) };
}
