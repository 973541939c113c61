/** What else is wrong with what comes in; nothing when all is well. */
import { StateIcon } from '../../web/state-icon.tsx';
import type { SlotView } from '../http/view.ts';
import { inputNotes } from './input-words.ts';

export function InputNotes({ slot, nowMs }: { slot: SlotView; nowMs: number }) {
  const notes = inputNotes(slot, nowMs);
  if (notes.length === 0) return null;
  return (
    <ul class="input-notes" aria-label={`Inputs of ${slot.slot} that need a look`}>
      {notes.map(({ state, text }) => (
        <li key={text}>
          <StateIcon state={state} word={state === 'warning' ? 'Attention' : 'Note'} />
          <span>{text}</span>
        </li>
      ))}
    </ul>
  );
}
