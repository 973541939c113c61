/** Names that a config gives to its parts. */
import { z } from 'zod';

export const configId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'lower-case letters, digits and dashes');
