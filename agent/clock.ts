/** Time as a dependency, so that tests own it. */
export interface Clock {
  /** Wall clock, whole ms since the Unix epoch. May jump. */
  wallMs(): number;
  /** Monotonic, microseconds from an arbitrary start. Never goes back. */
  monotonicUs(): number;
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicUs: () => Math.round(performance.now() * 1000),
};
