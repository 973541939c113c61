/** The part of the API description that is about labelled field data. */
import { z } from 'zod';
import { datasetQuery } from './dataset-routes.ts';
import { answers, inPath, inQuery } from './openapi-parts.ts';

const slot = [inPath('slot', 'Name of a slot')];

export const datasetPaths = {
  '/api/datasets/{slot}': {
    get: {
      summary: 'What the labelled samples of a slot hold: models, features, tags',
      parameters: slot,
      responses: answers(200, 'DatasetView'),
    },
  },
  '/api/datasets/{slot}/samples': {
    get: {
      summary: 'Labelled samples, a page at a time',
      parameters: [
        ...slot,
        ...Object.entries(datasetQuery.shape).map(([name, schema]) => inQuery(name, z.toJSONSchema(schema))),
      ],
      responses: answers(200, 'DatasetPageView'),
    },
  },
};
