/** A state as a shape and a word: circle with tick, triangle, octagon with cross, diamond, ring. Colour only adds to them. */
import type { ComponentChildren } from 'preact';
import type { Severity } from '../protocol/records.ts';
import type { PageState } from './page-state.ts';

const SHAPES: Record<PageState, { outline: string; glyph: string }> = {
  ok: { outline: 'M10 1a9 9 0 1 0 0 18a9 9 0 1 0 0-18z', glyph: 'M5.8 10.3l2.9 2.9l5.5-6' },
  warning: { outline: 'M10 1.5L19.2 18H.8z', glyph: 'M10 7.5v5M10 15.3v.1' },
  alarm: {
    outline: 'M6.3 1h7.4L19 6.3v7.4L13.7 19H6.3L1 13.7V6.3z',
    glyph: 'M6.8 6.8l6.4 6.4M13.2 6.8l-6.4 6.4',
  },
  info: { outline: 'M10 .7L19.3 10L10 19.3L.7 10z', glyph: 'M10 9.5v4.5M10 6.2v.1' },
  idle: { outline: 'M10 2a8 8 0 1 0 0 16a8 8 0 1 0 0-16zm0 3a5 5 0 1 1 0 10a5 5 0 1 1 0-10z', glyph: '' },
};

export function StateIcon({ state, word }: { state: PageState; word?: string }) {
  const { outline, glyph } = SHAPES[state];
  return (
    <svg
      class={`is-${state}`}
      viewBox="0 0 20 20"
      role={word ? 'img' : undefined}
      aria-label={word}
      aria-hidden={word ? undefined : 'true'}
    >
      <path d={outline} fill="currentColor" />
      <path
        d={glyph}
        fill="none"
        stroke="var(--sheet)"
        stroke-width="2.2"
        stroke-linecap="round"
        stroke-linejoin="round"
      />
    </svg>
  );
}

export function StateBadge({ state, children }: { state: PageState; children: ComponentChildren }) {
  return (
    <span class={`badge is-${state}`}>
      <StateIcon state={state} />
      {children}
    </span>
  );
}

export const SEVERITY_WORD: Record<Severity, string> = {
  info: 'Note',
  warning: 'Attention',
  alarm: 'Alarm',
};
