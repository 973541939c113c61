/** What a lane tells the monitor of its slot, and what it asks of it. One monitor a champion: its baseline decides. */
export interface LaneMonitor {
  /** @param values may be written over afterwards @returns INPUT_HEALTH bits of one validated row */
  health(values: Float32Array | Uint8Array, timeMs: number): number;
  /** A row that the deciding model has answered. */
  observe(values: Float32Array | Uint8Array): void;
  /** Predictions were made: sample accepted to decision made, microseconds, and the champion's label (-1: none), each. */
  predicted(latenciesUs: readonly number[], labels: readonly number[]): void;
}
