/** Tags of a prediction: named slices by which the field is looked at. They must be few, and their values too. */
import { z } from 'zod';

/** Line, shift, operator, product, supplier, …: the slices that a prediction belongs to. */
export type Tags = Readonly<Record<string, string>>;

export const MAX_TAGS = 8;
export const MAX_TAG_CHARS = 64;
export const tagKeySchema = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,31}$/, 'at most 32 lower-case letters, digits and dashes, a letter first');
export const tagsSchema = z
  .record(tagKeySchema, z.string().max(MAX_TAG_CHARS))
  .refine((tags) => Object.keys(tags).length <= MAX_TAGS, `at most ${MAX_TAGS} tags`);

/** Reserved: the version of the source's schema or firmware. */
export const SOURCE_VERSION_TAG = 'source-version';

/** Of all predictions without tags, so that they are one and the same object. */
export const NO_TAGS: Tags = Object.freeze({});

/** The same text for the same tags, in whatever order they were given; JSON. */
export function tagsText(tags: Tags): string {
  const keys = Object.keys(tags);
  if (keys.length > 1) keys.sort();
  return JSON.stringify(Object.fromEntries(keys.map((key) => [key, tags[key]])));
}
