/** Time as a dependency, so that tests own it. */
export interface Clock {
  /** Wall clock, whole ms since the Unix epoch. May jump. */
  wallMs(): number;
  /** Never jumps; from an arbitrary zero. For durations. */
  monotonicMs(): number;
}

export const systemClock: Clock = { wallMs: () => Date.now(), monotonicMs: () => performance.now() };
