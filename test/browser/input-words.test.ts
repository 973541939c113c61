import { describe, expect, it } from 'vitest';
import { inputNotes } from '../../agent/status-page/input-words.ts';
import { drift, inputs, milling, NOW_MS } from './fixtures/status-slots.ts';

const said = (change: Parameters<typeof inputs>[0], drifting: string | null = null) =>
  inputNotes({ ...milling, drift: drift(drifting), inputs: inputs(change) }, NOW_MS).map(({ text }) => text);

describe('the notes on what comes in', () => {
  it('are none while all is well', () => {
    expect(said({})).toEqual([]);
  });

  it('name a sensor that fails, and how much of it', () => {
    expect(said({ faults: [{ feature: 'torque_nm', fault: 'missing', share: 0.25 }] })).toEqual([
      'torque_nm: 25% of the last values are missing.',
    ]);
  });

  it('say which label the model says more often, and how often it was', () => {
    const { labelDrift } = milling.inputs;
    if (!labelDrift) throw new Error('the fixture has labels');
    expect(said({ labelDrift: { ...labelDrift, drifting: true, shares: [0.5, 0.5] } })[0]).toMatch(
      /^The model says .+ for 50% of samples; on its training data it was 3%\.$/,
    );
  });

  it('put a change of the source beside the drift that came after it', () => {
    const sourceChange = { source: 'line', from: '1', to: '2', timeMs: NOW_MS - 3_600_000 };
    expect(said({ sourceChange })).toEqual([
      expect.stringMatching(/^line changed from version 1 to 2 at .+, 60 min ago\.$/),
    ]);
    expect(said({ sourceChange }, 'torque_nm')[0]).toMatch(/torque_nm has drifted since\.$/);
  });

  it('tell of another rate only when it is far off', () => {
    expect(said({ samplesPerS: 1, usualPerS: 1.5 })).toEqual([]);
    expect(said({ samplesPerS: 0.2, usualPerS: 1.5 })).toEqual([
      'Samples come every 5.0 s; usual is 1.5 times a second.',
    ]);
  });
});
