/** What the simulated rollouts meet: how the two models do, how many labels there are, and when they come. */

/** Chances a labelled sample, from then on. */
export interface Models {
  /** Only the new model errs. */
  readonly onlyNew: number;
  /** Only the old model errs. */
  readonly onlyOld: number;
}

export interface Scenario {
  readonly name: string;
  /** What is to be seen. */
  readonly title: string;
  /** On good parts (truth 0) and on failures (truth 1). */
  readonly good: Models;
  readonly failures: Models;
  /** Share of failures. */
  readonly failureShare: number;
  readonly labelsPerDay: number;
  readonly days: number;
  /** Of the evidence. */
  readonly looksPerDay: number;
  /** What is good is known after this long, failures at once; null: all labels at once. */
  readonly goodKnownAfterH: number | null;
  /** From a random day on, both models err so many times as often where they err alone. */
  readonly drift: number;
  /** Devices that come in after the first stage have other parts, on which only the new model errs this much more often. */
  readonly lateHarm: number;
}

/** Share of samples on which exactly one model errs: about what two versions of a model at 90 % accuracy have. */
export const DISCORDANCE = 0.1;
const FAILURE_SHARE = 0.05;

/** @param gain of accuracy, 0.02 = two points */
function models(gain: number): Models {
  return { onlyNew: (DISCORDANCE - gain) / 2, onlyOld: (DISCORDANCE + gain) / 2 };
}

function scenario(name: string, title: string, gain: number, changes: Partial<Scenario> = {}): Scenario {
  return {
    name,
    title,
    good: models(gain),
    failures: models(gain),
    failureShare: FAILURE_SHARE,
    labelsPerDay: 400,
    days: 12,
    looksPerDay: 12,
    goodKnownAfterH: null,
    drift: 1,
    lateHarm: 0,
    ...changes,
  };
}

/**
 * Better on failures, whose labels come at once, and worse on good parts, whose labels come late: who takes every label as
 * it comes sees a better model.
 * @param gain over all samples
 */
function earlyFlattery(gain: number): Partial<Scenario> {
  const onFailures = 0.6;
  const onGood = (gain - FAILURE_SHARE * onFailures) / (1 - FAILURE_SHARE);
  return {
    failures: { onlyNew: 0, onlyOld: onFailures },
    good: { onlyNew: 0.03 - onGood, onlyOld: 0.03 },
    goodKnownAfterH: 24,
    labelsPerDay: 1200,
    days: 6,
    looksPerDay: 4,
  };
}

const FEW = { labelsPerDay: 20, days: 365, looksPerDay: 1 };

export const SCENARIOS: readonly Scenario[] = [
  scenario('null', 'no difference', 0),
  scenario('harm2', '2 points worse', -0.02),
  scenario('harm5', '5 points worse', -0.05),
  scenario('gain2', '2 points better', 0.02),
  scenario('null20ADay', 'no difference, 20 labels a day', 0, FEW),
  scenario('harm5At20ADay', '5 points worse, 20 labels a day', -0.05, FEW),
  scenario('nullDelayed', 'no difference, looks better at first', 0, earlyFlattery(0)),
  scenario('harm2Delayed', '2 points worse, looks better at first', -0.02, earlyFlattery(-0.02)),
  scenario('nullDrift', 'no difference, inputs drift', 0, { drift: 2.5 }),
  scenario('harm2Drift', '2 points worse, inputs drift', -0.02, { drift: 2.5 }),
  scenario('lateHarm', 'worse by 5 points on later devices only', 0.02, { lateHarm: 0.07 }),
  scenario('noLabels', 'no labels at all', 0.02, { labelsPerDay: 0 }),
];
