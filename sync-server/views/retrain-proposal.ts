/** What the server proposes to train anew, as part of the fleet. */

/** A proposal for people: the server never trains and never releases by itself. */
export interface RetrainProposalView {
  slot: string;
  /** When the first of what still drifts began. */
  sinceMs: number;
  features: string[];
  devices: string[];
  /** Samples since then that have a label, and those of them whose features left their device; counted to a few thousand. */
  labelled: number;
  withFeatures: number;
  /** `features-missing`: labels enough, but the slot's privacy policy keeps the features on the devices. */
  verdict: 'train' | 'features-missing';
  /** What a person would run, in this order. */
  commands: string[];
}
