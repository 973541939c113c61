import { expect, it } from 'vitest';
import { answerOf } from '../../../../agent/http/oip/ask-of.ts';
import { specOf } from '../../../../agent/http/oip/model-view.ts';
import type { ActiveModel } from '../../../../agent/models/active-models.ts';
import type { Asked } from '../../../../agent/pipeline/ask.ts';
import { makePackage, manifestOf } from '../../../support/packages.ts';

const manifest = manifestOf(makePackage());
const spec = specOf({ manifest } as ActiveModel, { inputs: [], outputs: [] });

function asked(...decisions: Asked['decisions']): Asked {
  return {
    model: 'a'.repeat(64),
    version: 1,
    role: 'champion',
    output: new Float32Array(decisions.length),
    width: 1,
    decisions,
    predictionIds: null,
    queueUs: 0,
    computeUs: 0,
    batchRows: decisions.length,
  };
}

it('tells a caller which parts go on for inspection by chance, and is silent where none does', () => {
  const failure = { label: 'failure', score: 0.9 };
  const parametersOf = (...decisions: Asked['decisions']) =>
    answerOf('press', asked(...decisions), spec).parameters;
  expect(parametersOf({ ...failure, explored: true })).toMatchObject({ label: 'failure', explored: true });
  expect(parametersOf(failure, { ...failure, explored: true })).toMatchObject({ explored: [false, true] });
  expect(parametersOf(failure)).not.toHaveProperty('explored');
});
