/** The states that both pages tell, and how a severity becomes one. */
import type { Severity } from '../protocol/records.ts';

export type PageState = 'ok' | 'warning' | 'alarm' | 'info' | 'idle';

/** `lost`: the page no longer knows. */
export type BoardState = 'ok' | 'warning' | 'alarm' | 'lost';

export function boardState(severity: Severity): BoardState {
  return severity === 'info' ? 'ok' : severity;
}
