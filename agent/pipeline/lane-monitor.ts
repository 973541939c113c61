/** What a lane tells the monitor of its slot, and what it asks of it. One monitor a champion: its baseline decides. */
export interface LaneMonitor {
  /** @returns INPUT_HEALTH bits of one validated row */
  health(values: Float32Array | Uint8Array, timeMs: number): number;
  /** A row that the deciding model has answered. */
  observe(values: Float32Array | Uint8Array): void;
  /** Sample accepted to decision made. */
  latency(us: number): void;
}
