import { describe, expect, it } from 'vitest';
import type { StartRolloutRequest } from '../../../sync-server/views/rollout.ts';
import { begin, better, worse } from './toy-rollout.ts';

describe('a stage that asks for a person', () => {
  const stages = [
    { devices: 0.3, traffic: 0.1 },
    { devices: 1, traffic: 1, approval: true },
  ];
  function gated(request: Partial<StartRolloutRequest> = {}) {
    const begun = begin({ request: { stages, ...request } });
    begun.step();
    return begun;
  }

  it('is asked for only when the evidence is there, and goes on with the approval', () => {
    const { conductor, id, step } = gated();
    expect(() => conductor.approve(id)).toThrow(expect.objectContaining({ code: 'REQUEST_INVALID' }));
    expect(step(...better)).toMatchObject({
      state: 'waiting-for-approval',
      stage: 0,
      reason: expect.stringMatching(/Stage 2 waits for a person’s approval\. The new model is better/),
    });
    const approved = conductor.approve(id, 'anna');
    expect(approved).toMatchObject({ state: 'advancing', stage: 0, reason: 'Stage 2 approved by anna.' });
    expect(step()).toMatchObject({ state: 'advancing', stage: 1 });
    expect(conductor.view(id).decisions.map(({ reason }) => reason)).toContain('Stage 2 approved by anna.');
  });

  it('waits no more when harm shows meanwhile', () => {
    const { step } = gated();
    step(...better);
    expect(step(...worse, ...worse, ...worse).state).toBe('rolled-back');
  });

  it('still waits after a restart, and can be paused', () => {
    const { fleet, conductor, id, step } = gated();
    step(...better);
    const reborn = fleet.conductor();
    reborn.evaluate();
    expect(reborn.view(id).state).toBe('waiting-for-approval');
    conductor.pause(id);
    conductor.resume(id);
    expect(step().state).toBe('waiting-for-approval');
  });

  it('needs no approval for the first: starting it is one', () => {
    expect(() => gated({ stages: [{ devices: 1, traffic: 0.5, approval: true }] })).toThrow(
      /needs no approval/,
    );
  });

  it('goes on only inside the maintenance window, but goes back at any time', () => {
    const night = { days: ['mon' as const], from: '22:00', to: '23:00' };
    const over = {
      stages: stages.map(({ devices, traffic }) => ({ devices, traffic })),
      windows: [night],
      timeZone: 'UTC',
    };
    const { fleet, step } = gated(over);
    expect(step(...better)).toMatchObject({
      state: 'holding',
      stage: 0,
      reason: expect.stringMatching(/The maintenance window opens Mon 22:00\. The new model is better/),
    });
    fleet.nowMs = Date.parse('1970-01-05T22:30Z');
    expect(step()).toMatchObject({ state: 'advancing', stage: 1 });
    const closed = gated(over);
    expect(closed.step(...worse, ...worse).state).toBe('rolled-back');
  });
});
