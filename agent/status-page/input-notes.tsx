/** What else is wrong with what comes in; nothing when all is well. */
import { StateBadge } from '../../web/state-icon.tsx';
import type { SlotView } from '../http/view.ts';
import { inputNotes } from './input-words.ts';

export function InputNotes({ slot, nowMs }: { slot: SlotView; nowMs: number }) {
  const notes = inputNotes(slot, nowMs);
  if (notes.length === 0) return null;
  return (
    <ul class="input-notes" aria-label={`Inputs of ${slot.slot} that need a look`}>
      {notes.map(({ state, text }) => (
        <li key={text}>
          <StateBadge state={state}>{text}</StateBadge>
        </li>
      ))}
    </ul>
  );
}
