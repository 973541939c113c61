/** Time as a dependency, so that tests own it. */
export interface Clock {
  /** Wall clock, whole ms since the Unix epoch. May jump. */
  wallMs(): number;
}

export const systemClock: Clock = { wallMs: () => Date.now() };
