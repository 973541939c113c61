/** The part of a source's config about the tags of its samples: the slices by which its predictions can be looked at. */
import { z } from 'zod';
import { MAX_TAG_CHARS, MAX_TAGS, tagKeySchema } from '../../protocol/tags.ts';

/** The same for every sample: `{ "line": "2", "source-version": "1.4" }`. */
export const constantTagsSchema = z.record(tagKeySchema, z.string().min(1).max(MAX_TAG_CHARS)).default({});

/** Tag -> the column or field that holds it. `source-version` is that of the source's schema or firmware. */
export const tagColumnsSchema = z.record(tagKeySchema, z.string().min(1)).default({});

export function areFewTags(...tags: readonly Readonly<Record<string, unknown>>[]): boolean {
  return new Set(tags.flatMap((each) => Object.keys(each))).size <= MAX_TAGS;
}

export const FEW_TAGS = `at most ${MAX_TAGS} tags, constant ones included`;
