import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { hashPin, OperatorPin } from '../../../agent/http/operator-pin.ts';

let folder: string;
let monotonicUs = 0;
const clock = { wallMs: () => 0, monotonicUs: () => monotonicUs };
const refused = (code: string) => expect.objectContaining({ code });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'andon-pin-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
});

function pinOf(text: string): OperatorPin {
  const file = join(folder, 'pin.json');
  writeFileSync(file, text, { mode: 0o600 });
  expect(statSync(file).isFile()).toBe(true);
  return new OperatorPin(file, clock);
}

describe('the operators’ PIN', () => {
  it('lets the right one in, and says what is missing otherwise', () => {
    const pin = pinOf(hashPin('4711'));
    expect(() => pin.check('4711')).not.toThrow();
    expect(() => pin.check('4712')).toThrow(refused('PIN_WRONG'));
    expect(() => pin.check(undefined)).toThrow(/needs the operators’ PIN/);
    expect(() => pin.check(['4711'])).toThrow(refused('PIN_WRONG'));
    expect(() => pin.check('4'.repeat(65))).toThrow(refused('PIN_WRONG'));
  });

  it('keeps no PIN in its file, and never the same text twice', () => {
    expect(hashPin('4711')).not.toContain('4711');
    expect(hashPin('4711')).not.toBe(hashPin('4711'));
  });

  it('locks for a minute after five wrong ones, for the right one too', () => {
    const pin = pinOf(hashPin('4711'));
    for (let i = 0; i < 5; i++) expect(() => pin.check('0000')).toThrow(refused('PIN_WRONG'));
    expect(() => pin.check('4711')).toThrow(refused('PIN_LOCKED'));
    monotonicUs += 59_000_000;
    expect(() => pin.check('4711')).toThrow(/Wait|too many/);
    monotonicUs += 2_000_000;
    expect(() => pin.check('4711')).not.toThrow();
  });

  it('forgets wrong ones once the right one came', () => {
    const pin = pinOf(hashPin('4711'));
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 4; i++) expect(() => pin.check('0000')).toThrow(refused('PIN_WRONG'));
      pin.check('4711');
    }
  });

  it.each([
    ['is damaged', '{"salt":'],
    ['is another file', '{"salt":"ab","hash":"cd"}'],
  ])('lets nobody in when its file %s', (_, text) => {
    expect(() => pinOf(text).check('4711')).toThrow(refused('PIN_NOT_SET'));
  });

  it('lets nobody in when there is none', () => {
    expect(() => new OperatorPin(null, clock).check('4711')).toThrow(refused('PIN_NOT_SET'));
    expect(() => new OperatorPin(join(folder, 'none'), clock).check('4711')).toThrow(/is missing/);
  });
});
