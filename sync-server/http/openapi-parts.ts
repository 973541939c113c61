/** Pieces that every path of the API description is made of. */

export const json = (schema: object) => ({ content: { 'application/json': { schema } } });

export const error = { description: 'Refused', ...json({ $ref: '#/components/schemas/Error' }) };

export const answers = (status: number, description: string) => ({
  [status]: { description, ...json({ type: 'object' }) },
  default: error,
});

export const inPath = (name: string, description: string) => ({
  name,
  in: 'path',
  required: true,
  description,
  schema: { type: 'string' },
});

export const inQuery = (name: string, schema: object) => ({ name, in: 'query', schema });
