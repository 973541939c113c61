/** One prediction: what the model said, what happened, and, when opened, the answers a person can give. */
import { useRef } from 'preact/hooks';
import { formatClock, formatScore } from '../../web/format.ts';
import type { PageState } from '../../web/page-state.ts';
import { StateBadge } from '../../web/state-icon.tsx';
import type { PredictionView } from '../http/view.ts';
import { AnswerChoices, orderedChoices } from './answer-choices.tsx';

interface Props {
  prediction: PredictionView;
  labels: readonly string[];
  /** What the person just answered, before the agent's view says so. */
  answered: string | undefined;
  reason: string | undefined;
  nowMs: number;
  open: boolean;
  onToggle: () => void;
  /** null: takes the answer back. */
  onAnswer: (label: string | null) => Promise<boolean>;
}

export function partName(prediction: PredictionView): string {
  return prediction.correlationId === null ? 'the sample' : `part ${prediction.correlationId}`;
}

export function PredictionRow(props: Props) {
  const { prediction, labels, answered, reason, nowMs, open, onToggle, onAnswer } = props;
  const button = useRef<HTMLButtonElement>(null);
  const outcome = outcomeOf(prediction, answered);

  const choose = async (label: string | null) => {
    if (await onAnswer(label)) button.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (!open) return;
    const chosen = /^[1-9]$/.test(event.key)
      ? orderedChoices(prediction.label, labels)[Number(event.key) - 1]
      : undefined;
    if (chosen !== undefined) void choose(chosen);
    if (event.key === 'Escape') {
      onToggle();
      button.current?.focus();
    }
  };

  return (
    <li onKeyDown={onKeyDown}>
      <button class="row" type="button" ref={button} aria-expanded={open} onClick={onToggle}>
        <span class="soft">{formatClock(prediction.timeMs, nowMs)}</span>
        <span class="part">{prediction.correlationId ?? 'no part number'}</span>
        <span class="said">
          <strong>{prediction.label}</strong> <span class="faint nowrap">{formatScore(prediction)}</span>
          {prediction.role === 'canary' ? <span class="tag">trial</span> : null}
          {prediction.explored ? <span class="tag">goes on for inspection</span> : null}
        </span>
        <span class="outcome">
          {outcome ? (
            <>
              <StateBadge state={outcome.state}>{outcome.words}</StateBadge>
              {outcome.state === 'ok' && reason ? <span class="soft">, {reason}</span> : null}
            </>
          ) : (
            <span class="soft">{reason ?? 'not known yet'}</span>
          )}
        </span>
      </button>
      {open ? (
        <AnswerChoices
          said={prediction.label}
          labels={labels}
          question={`What was ${partName(prediction)} really?`}
          evidence={prediction.truth?.evidence}
          onChoose={(label) => void choose(label)}
          onTakeBack={
            answered !== undefined || prediction.truth?.kind === 'explicit'
              ? () => void choose(null)
              : undefined
          }
        />
      ) : null}
    </li>
  );
}

/** What happened after all, by the newest knowledge. */
function outcomeOf(
  prediction: PredictionView,
  answered: string | undefined,
): { state: PageState; words: string } | undefined {
  const truth = answered ?? prediction.truth?.label;
  if (truth === undefined) return undefined;
  const byPerson = answered !== undefined || prediction.truth?.kind === 'explicit';
  const who = byPerson ? 'you say' : 'the line says';
  return truth === prediction.label
    ? { state: 'ok', words: byPerson ? 'right, you say' : 'right' }
    : { state: 'warning', words: `${who} ${truth}` };
}
