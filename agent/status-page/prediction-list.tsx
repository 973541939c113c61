/** Recent predictions, and two taps to say what really was: tap the prediction, tap the label. */
import { useRef, useState } from 'preact/hooks';
import { postJson } from '../../web/post-json.ts';
import type { FeedbackRequest, PredictionView, SlotView } from '../http/view.ts';
import { attentionReason } from './kept-predictions.ts';
import { PredictionRow, partName } from './prediction-row.tsx';
import { useDwell } from './use-dwell.ts';
import { useHold } from './use-hold.ts';
import { useKeptPredictions } from './use-kept-predictions.ts';

export function PredictionList(props: { slot: SlotView; nowMs: number; anchor: string | undefined }) {
  const { slot, nowMs, anchor } = props;
  const { held, holders } = useHold();
  const [openId, setOpenId] = useState<string>();
  const saving = useRef(false);
  const { attention, latest } = useKeptPredictions(slot, nowMs, held);
  const [answers, setAnswers] = useState<ReadonlyMap<string, string>>(new Map());
  const [words, setWords] = useState('');

  useDwell(openId, slot.truth.asksForLooks);

  const toggle = (id: string) => {
    setOpenId(openId === id ? undefined : id);
    setWords('');
  };

  const answer = async (prediction: PredictionView, label: string | null) => {
    // A second tap before the first was answered is a slip of the finger.
    if (saving.current) return false;
    saving.current = true;
    setWords('Saving …');
    const request: FeedbackRequest = { predictionId: prediction.id, label };
    const result = await postJson('api/feedback', request);
    saving.current = false;
    if (result.ok) {
      setAnswers((before) => withAnswer(before, prediction.id, label));
      setOpenId(undefined);
      setWords(
        label === null
          ? `Taken back: what ${partName(prediction)} was is left to the line.`
          : `Saved: ${partName(prediction)} was ${label}.`,
      );
    } else {
      setWords(`Not saved. ${result.words}`);
    }
    return result.ok;
  };

  const rows = (list: readonly PredictionView[]) =>
    list.map((prediction) => (
      <PredictionRow
        key={prediction.id}
        prediction={prediction}
        labels={slot.labels}
        answered={answers.get(prediction.id)}
        reason={attentionReason(prediction, slot.labels)}
        nowMs={nowMs}
        open={openId === prediction.id}
        onToggle={() => toggle(prediction.id)}
        onAnswer={(label) => answer(prediction, label)}
      />
    ));

  return (
    <section
      class="predictions"
      aria-label="Recent predictions"
      id={anchor}
      tabIndex={-1}
      data-testid="predictions"
      onKeyDown={moveByArrows}
      {...holders}
    >
      <div class="section-head">
        <h3>Recent predictions</h3>
      </div>
      <p class="hint small soft">
        Was it right? Tap a prediction, then what it really was.{' '}
        <span class="keys">Keys: ↑ ↓ to move, Enter to open, 1–9 to answer, Esc to close.</span>
      </p>
      <p class="answer-words">
        <span role="status">{words}</span>
        {held && words === '' ? (
          <span class="small soft">The list stands still while you are here.</span>
        ) : null}
      </p>
      {attention.length + latest.length === 0 ? <p class="soft">No prediction yet.</p> : null}
      {attention.length > 0 ? (
        <>
          <h4>Worth a look</h4>
          <ul class="rows">{rows(attention)}</ul>
        </>
      ) : null}
      {latest.length > 0 ? (
        <>
          <h4>Latest</h4>
          <ul class="rows">{rows(latest)}</ul>
        </>
      ) : null}
    </section>
  );
}

function withAnswer(
  answers: ReadonlyMap<string, string>,
  id: string,
  label: string | null,
): ReadonlyMap<string, string> {
  const next = new Map(answers);
  if (label === null) next.delete(id);
  else next.set(id, label);
  return next;
}

function moveByArrows(event: KeyboardEvent & { currentTarget: HTMLElement }): void {
  if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
  const rows = [...event.currentTarget.querySelectorAll<HTMLElement>('button.row')];
  if (rows.length === 0 || document.activeElement instanceof HTMLSelectElement) return;
  const inRow = document.activeElement?.closest('li')?.querySelector<HTMLElement>('button.row');
  const at = inRow ? rows.indexOf(inRow) : -1;
  const to = event.key === 'ArrowDown' ? at + 1 : at - 1;
  rows[Math.max(0, Math.min(rows.length - 1, to))]?.focus();
  event.preventDefault();
}
