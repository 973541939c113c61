/** Refused messages that were kept: `GET /api/dead-letters`. */

/** With the first bytes of what it said. */
export interface DeadLetterDetailView extends DeadLetterView {
  headBase64: string;
}

/** A message that was refused. */
export interface DeadLetterView {
  id: number;
  /** By whose topic it came; null: no device's. */
  device: string | null;
  topic: string;
  code: string;
  /** In words. */
  reason: string;
  sizeBytes: number;
  /** How often the same message came. */
  times: number;
  /** By the server's clock. */
  firstMs: number;
  lastMs: number;
}
