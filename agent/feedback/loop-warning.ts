/** Where a slot's decisions hide their own truth and nothing makes up for it. Pure. */
import type { FeedbackRule } from '../config/feedback.ts';
import type { SlotConfig } from '../config/schema.ts';

type Slot = Pick<SlotConfig, 'feedback' | 'exploration' | 'safety'>;

/**
 * A decision that takes parts off the line decides whether anybody learns what they were: the rules tell so with `seenFor`.
 * @returns one sentence a problem, and what to do; none where the online metric can be trusted
 */
export function loopWarnings({ feedback, exploration, safety }: Slot): string[] {
  const explored = new Set(exploration?.labels);
  const told = feedback.flatMap((rule) => (rule.when === 'answer' ? [] : [rule.label]));
  const unseen = [...new Set([...told, ...explored])].filter((label) => isUnseen(label, feedback));
  const hidden = unseen.filter((label) => !explored.has(label));
  const needless = [...explored].filter((label) => !unseen.includes(label));
  return [
    ...hidden.map((label) =>
      safety
        ? `What parts called ${label} really were is never seen by the rules. In a safety slot nothing goes on by chance, so let people answer for some of them.`
        : `What parts called ${label} really were is never seen, so the online metric is only of the others. Let a share of them go on for inspection: "exploration": { "share": 0.05, "labels": ["${label}"] }.`,
    ),
    ...needless.map(
      (label) =>
        `Parts called ${label} go on by chance, but no rule says that their truth would be hidden otherwise. Say so with "seenFor" in the rules, or leave the exploration out.`,
    ),
  ];
}

/** Whether every rule that could tell what such a part was cannot see it. */
function isUnseen(label: string, rules: readonly FeedbackRule[]): boolean {
  const lineRules = rules.filter((rule) => rule.when !== 'answer');
  return lineRules.length > 0 && lineRules.every(({ seenFor }) => seenFor && !seenFor.includes(label));
}
