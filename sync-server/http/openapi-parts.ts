/** Pieces that every path of the API description is made of. */

export const json = (schema: object) => ({ content: { 'application/json': { schema } } });

export const error = { description: 'Refused', ...json({ $ref: '#/components/schemas/Error' }) };

export const answers = (status: number, description: string) => ({
  [status]: { description, ...json({ type: 'object' }) },
  default: error,
});
