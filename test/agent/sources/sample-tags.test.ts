import { describe, expect, it } from 'vitest';
import { SampleTags } from '../../../agent/sources/sample-tags.ts';
import { NO_TAGS } from '../../../protocol/tags.ts';

describe('the tags of samples', () => {
  it('are one object for equal values, beside those that are constant', () => {
    const tags = new SampleTags({ line: '2' }, ['shift', 'product']);
    const early = tags.of(['early', 'A']);
    expect(early).toEqual({ line: '2', shift: 'early', product: 'A' });
    expect(tags.of([' early ', 'A'])).toBe(early);
    expect(tags.of(['early', null])).toEqual({ line: '2', shift: 'early' });
    expect(new SampleTags({}, ['shift']).of(['  '])).toBe(NO_TAGS);
  });

  it('stay few: values beyond two hundred are taken together, long ones are cut', () => {
    const tags = new SampleTags({}, ['serial']);
    const all = Array.from({ length: 300 }, (_, i) => tags.of([`${i}`]).serial);
    expect(new Set(all).size).toBe(201);
    expect(all.at(-1)).toBe('other');
    expect(tags.of(['7']).serial).toBe('7');
    expect(new SampleTags({}, ['k']).of(['x'.repeat(99)]).k).toHaveLength(64);
  });
});
