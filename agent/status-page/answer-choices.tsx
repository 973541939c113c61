/** The second tap: "right", or the true label. */
import { useEffect, useRef } from 'preact/hooks';

const AS_BUTTONS = 9;

/** What the model said comes first, as the answer "right". */
export function orderedChoices(said: string, labels: readonly string[]): string[] {
  return [said, ...labels.filter((label) => label !== said)];
}

export function AnswerChoices(props: {
  said: string;
  labels: readonly string[];
  question: string;
  evidence: string | undefined;
  onChoose: (label: string) => void;
  /** Undefined where nobody has answered. */
  onTakeBack: (() => void) | undefined;
}) {
  const { said, labels, question, evidence, onChoose, onTakeBack } = props;
  const choices = orderedChoices(said, labels);
  const first = useRef<HTMLButtonElement>(null);
  useEffect(() => first.current?.focus({ preventScroll: true }), []);
  const rest = choices.slice(AS_BUTTONS);
  return (
    <fieldset class="answers">
      <legend>{question}</legend>
      {evidence ? <p class="small soft">The line says: {evidence}</p> : null}
      <div class="buttons">
        {choices.slice(0, AS_BUTTONS).map((label, i) => (
          <button
            class={i === 0 ? 'button primary' : 'button'}
            key={label}
            type="button"
            ref={i === 0 ? first : null}
            onClick={() => onChoose(label)}
          >
            <span class="key-number" aria-hidden="true">
              {i + 1}
            </span>{' '}
            {i === 0 ? `Right: ${label}` : label}
          </button>
        ))}
        {onTakeBack ? (
          <button class="button" type="button" onClick={onTakeBack}>
            Take the answer back
          </button>
        ) : null}
        {rest.length > 0 ? (
          <select
            class="button"
            aria-label="Another label"
            onChange={(event) => event.currentTarget.value && onChoose(event.currentTarget.value)}
          >
            <option value="">Another …</option>
            {rest.map((label) => (
              <option key={label}>{label}</option>
            ))}
          </select>
        ) : null}
      </div>
    </fieldset>
  );
}
