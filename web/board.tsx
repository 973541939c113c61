/** The board above both pages: a signal tower, one sentence, and what to do next. */
import type { BoardState } from './page-state.ts';

const WORDS: Record<BoardState, string> = {
  ok: 'Normal',
  warning: 'Attention',
  alarm: 'Alarm',
  lost: 'Not live',
};

export function Board(props: { state: BoardState; text: string; next: string | null; compact?: boolean }) {
  const { state, text, next, compact = false } = props;
  return (
    <header class={`board state-${state}${compact ? ' compact' : ''}`} data-testid="board">
      <SignalTower state={state} />
      <div role="status">
        <p class="word">{WORDS[state]}</p>
        <h1>{text}</h1>
        {next === null ? null : <p class="next">{next}</p>}
      </div>
    </header>
  );
}

const LAMPS: { state: BoardState; y: number; glyph: string }[] = [
  { state: 'alarm', y: 4, glyph: 'M25 13l14 14M39 13l-14 14' },
  { state: 'warning', y: 38, glyph: 'M32 46v10M32 62v.1' },
  { state: 'ok', y: 72, glyph: 'M23 87l7 7l12-14' },
];

/** Three lamps, red above amber above green as IEC 60073 has them; the lit one also carries its sign. */
function SignalTower({ state }: { state: BoardState }) {
  return (
    <svg class="tower" viewBox="0 0 64 122" aria-hidden="true">
      {LAMPS.map((lamp) =>
        lamp.state === state ? (
          <g key={lamp.state}>
            <rect class="lit" x="10" y={lamp.y} width="44" height="32" rx="5" />
            <path class="glyph" d={lamp.glyph} />
          </g>
        ) : (
          <rect class="dark" key={lamp.state} x="11" y={lamp.y + 1} width="42" height="30" rx="4" />
        ),
      )}
      <path class="body" d="M26 107h12M32 107v9M14 118h36" />
    </svg>
  );
}
