import { describe, expect, it } from 'vitest';
import { type HeadlineFacts, headline } from '../../../agent/http/headline.ts';
import type { StatusView } from '../../../agent/http/view.ts';
import type { Alarm } from '../../../protocol/alarms.ts';
import { calmInputs, sampleDrift, sampleSlot, sampleView } from './sample-view.ts';

function said(view: Partial<StatusView> = {}, facts: Partial<HeadlineFacts> = {}) {
  return headline({ view: sampleView(view), unanswered: 0, ...facts });
}

const backlog = { predictions: 4200, feedback: 10, metrics: 0, events: 0 };
const offline: StatusView['link'] = {
  configured: true,
  connected: false,
  sinceMs: 1,
  backlog,
  lastAckMs: null,
  heldBack: null,
};
const words = { severity: 'alarm', text: 'No samples for 40 s.', next: 'Check the sensor.' } as const;
const silence: Alarm = { id: 'a', code: 'no-samples', slot: 'milling', ...words, sinceMs: 1 };
const bare: Alarm = { ...silence, code: 'no-model', text: 'No model serves milling.' };
const drifting = (feature: string) => sampleDrift({ feature, psi: 1, drifting: true, sinceMs: 1 });
const install = {
  manifestSha256: 'b'.repeat(64),
  reason: 'golden sample 3 is off by 0.4',
  chunksHave: 1,
  chunksWant: 1,
  stateWords: '',
};

describe('the headline', () => {
  it('says that all is well, and asks for nothing', () => {
    expect(said()).toEqual({ severity: 'info', text: 'Running.', next: null });
  });

  it('does not alarm because the network is gone, and says that nothing is lost', () => {
    expect(said({ link: offline })).toEqual({
      severity: 'info',
      text: 'Running. Offline: 4,210 records wait safely on this device.',
      next: null,
    });
  });

  it('does not speak of the network on a device that never syncs', () => {
    expect(said({ link: { ...offline, configured: false } }).text).toBe('Running.');
  });

  it.each([
    [1, 'Running. 1 part needs attention.'],
    [3, 'Running. 3 parts need attention.'],
  ])('counts %i parts that wait for an answer', (unanswered, text) => {
    expect(said({}, { unanswered })).toMatchObject({ severity: 'warning', text, next: expect.any(String) });
  });

  it('puts an alarm before everything else', () => {
    const slots = [sampleSlot({ drift: [drifting('torque_nm')] })];
    expect(said({ slots, link: offline, alarms: [silence] }, { unanswered: 3 })).toEqual(words);
  });

  it('counts what else is as bad', () => {
    expect(said({ alarms: [silence, bare, { ...bare, slot: 'press' }] }).text).toBe(
      'No samples for 40 s. And 2 more things.',
    );
  });

  it.each([
    [
      'a model that was rolled back while the old one runs on',
      { slots: [sampleSlot({ install: { ...install, state: 'rolled-back' } })] },
      'warning',
      'The last model for milling was rolled back; milling-failure 1 runs on. golden sample 3 is off by 0.4.',
    ],
    [
      'an input that lastingly fails',
      {
        slots: [
          sampleSlot({
            inputs: { ...calmInputs, faults: [{ feature: 'torque_nm', fault: 'stuck', share: 1 }] },
          }),
        ],
      },
      'warning',
      'torque_nm of milling does not come in as it should.',
    ],
    [
      'features that drift',
      { slots: [sampleSlot({ drift: [drifting('torque_nm'), drifting('tool_wear_min')] })] },
      'warning',
      'torque_nm and tool_wear_min have moved away from what the model of milling learned.',
    ],
    [
      'a store that is nearly full',
      { store: { ...sampleView().store, sizeBytes: 950_000 } },
      'warning',
      'The buffer of this device is nearly full. Old records will be thinned out.',
    ],
  ] as const)('tells of %s and what to do next', (_what, view, severity, text) => {
    expect(said(view as Partial<StatusView>)).toEqual({ severity, text, next: expect.any(String) });
  });
});
