/** How a package decides beside another one on the same samples: int8 beside the float32 it was made from. */
import { type Decided, decide } from '../../agent/pipeline/decide.ts';
import { metricValue } from '../../protocol/evidence/metric-estimate.ts';
import { modelTitle } from '../../protocol/manifest.ts';
import { cliError } from '../errors.ts';
import { withEngine } from './engine-session.ts';
import type { PackageOnDisk } from './package-on-disk.ts';

export interface Agreement {
  readonly ours: Side;
  readonly other: Side;
  readonly samples: number;
  /** Decisions that are the same. */
  readonly agreed: number;
  readonly largestDifference: number;
}

interface Side {
  readonly title: string;
  readonly precision: string;
  readonly sizeBytes: number;
  readonly metric: string;
  /** On the golden samples with a known label; null without those. */
  readonly value: number | null;
}

/**
 * Both packages answer the golden samples of `model`.
 * @throws CodedError ARGUMENT_INVALID when the two do not read the same input or do not give the same labels; ENGINE_*
 */
export async function compare(model: PackageOnDisk, other: PackageOnDisk): Promise<Agreement> {
  const shapeOf = ({ manifest }: PackageOnDisk) => {
    const { input, output } = manifest;
    const reads = 'features' in input ? input.features.map(({ name }) => name) : { ...input, tensor: '' };
    return JSON.stringify([input.kind, reads, output.decision.labels]);
  };
  if (shapeOf(model) !== shapeOf(other)) {
    throw cliError(
      'ARGUMENT_INVALID',
      'The two packages do not read the same inputs or give the same labels.',
      {
        hint: 'Compare two versions or precisions of one model.',
      },
    );
  }
  const { samples } = model.golden;
  const answers = async (asked: PackageOnDisk) => {
    const { output } = await withEngine({ ...asked, golden: model.golden }, 1, ({ run }) =>
      run(samples.length),
    );
    const { decision } = asked.manifest.output;
    return { output, decided: samples.map((_, row) => decide(decision, output, row)) };
  };
  const [a, b] = [await answers(model), await answers(other)];
  return {
    ours: side(model, model, a.decided),
    other: side(other, model, b.decided),
    samples: samples.length,
    agreed: a.decided.filter(({ label }, i) => label === b.decided[i]?.label).length,
    largestDifference: a.output.reduce(
      (most, value, i) => Math.max(most, Math.abs(value - (b.output[i] ?? 0))),
      0,
    ),
  };
}

function side(of: PackageOnDisk, asked: PackageOnDisk, decided: readonly Decided[]): Side {
  const { metric } = asked.manifest;
  const counts = asked.golden.samples.flatMap(({ label }, i) =>
    label === undefined
      ? []
      : [{ truth: label, said: decided[i]?.label ?? 0, weight: 1, propensity: 1, keptShare: 1, count: 1 }],
  );
  return {
    title: modelTitle(of.manifest),
    precision: of.manifest.precision,
    sizeBytes: of.sizeBytes,
    metric: metric.name,
    value: metricValue(metric, counts),
  };
}
