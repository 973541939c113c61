/** A wall clock and a monotonic one that stand still until a test moves either. */
export class TwoClocks {
  nowMs = 1_700_000_000_000;
  upMs = 0;
  wallMs = () => this.nowMs;
  monotonicUs = () => this.upMs * 1000;
}
