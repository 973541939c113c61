/** The read-only view of which models serve a slot. Only `models/` can change it; the pipeline reads it between two batches. */
import type { BaselineProfile } from '../../protocol/manifest.ts';
import type { EngineModel } from '../inference/engine.ts';

export interface ActiveModel extends EngineModel {
  readonly baseline: BaselineProfile;
}

export interface SlotModels {
  readonly champion: ActiveModel;
  /**
   * Of models that are on trial: measured time of one row, from which follows when a batch is taken to hang
   * (deadline.ts). Undefined: no more is known than the engine's own limit.
   */
  readonly trialRowMs?: { readonly champion: number | undefined; readonly challenger: number | undefined };
  /** `share` of the samples it decides (role canary); on the others it looks on (role shadow). */
  readonly challenger: {
    readonly model: ActiveModel;
    readonly share: number;
    readonly rolloutId: string;
  } | null;
}

export interface ActiveModels {
  /** Undefined while the slot has no model that may run. One object a change: compare by identity. */
  of(slot: string): SlotModels | undefined;
}
