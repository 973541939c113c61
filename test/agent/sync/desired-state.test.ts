/** The newest state that a trusted server signed wins, also after a reboot with no network. */
import { describe, expect, it } from 'vitest';
import { DesiredState } from '../../../agent/sync/desired-state.ts';
import { generateSigningKey, sealEnvelope } from '../../../protocol/keys.ts';
import type { Desired } from '../../../protocol/messages.ts';
import { MemoryStates } from './memory-store.ts';

const device = 'press-1';
const key = generateSigningKey();
const newKey = generateSigningKey();

function desired(generation: number): Desired {
  return { v: 1, device, generation, issuedAtMs: 1, slots: {} };
}

function make(serverKeys = [key, newKey], states = new MemoryStates()) {
  return new DesiredState({ device, serverKeys: () => serverKeys, states });
}

describe('the desired state', () => {
  it('knows nothing before the first', () => {
    expect(make().kept()).toBeUndefined();
  });

  it('is known again after a restart', () => {
    const states = new MemoryStates();
    expect(make([key], states).receive(sealEnvelope(key, desired(3)))?.generation).toBe(3);
    expect(make([key], states).kept()?.generation).toBe(3);
  });

  it('is handed on once, however often the broker repeats it', () => {
    const state = make();
    const bytes = sealEnvelope(key, desired(3));
    expect(state.receive(bytes)).toBeDefined();
    expect(state.receive(bytes)).toBeUndefined();
    expect(state.receive(sealEnvelope(key, { ...desired(3), issuedAtMs: 2 }))).toBeUndefined();
  });

  it('is replaced by a new server that begins again at generation 1, but never by an old message', () => {
    const state = make();
    const old = sealEnvelope(key, desired(57));
    state.receive(old);
    expect(state.receive(sealEnvelope(newKey, desired(1)))?.generation).toBe(1);
    expect(() => state.receive(old)).toThrowError(expect.objectContaining({ code: 'DESIRED_REFUSED' }));
    expect(state.kept()?.generation).toBe(1);
  });

  it('is not believed any more when its key is not trusted any more', () => {
    const states = new MemoryStates();
    make([key], states).receive(sealEnvelope(key, desired(3)));
    expect(() => make([newKey], states).kept()).toThrowError(
      expect.objectContaining({ code: 'SIGNATURE_UNTRUSTED' }),
    );
  });

  it('of a new server is taken though the one in force is by a key that is trusted no more', () => {
    const states = new MemoryStates();
    make([key], states).receive(sealEnvelope(key, desired(57)));
    expect(make([newKey], states).receive(sealEnvelope(newKey, desired(1)))?.generation).toBe(1);
    expect(make([newKey], states).kept()?.generation).toBe(1);
  });

  it('leaves what a person brought in force when its key is trusted no more', () => {
    const states = new MemoryStates();
    const model = {
      name: 'm',
      version: 1,
      manifestSha256: 'a'.repeat(64),
      indexSha256: 'a'.repeat(64),
      sizeBytes: 1,
    };
    const slot = { champion: model, challenger: null };
    make([key], states).receive(sealEnvelope(key, desired(3)));
    expect(make([newKey], states).bring('press', slot).slots).toEqual({ press: slot });
  });

  it.each([
    ['by a stranger', () => sealEnvelope(generateSigningKey(), desired(1)), 'SIGNATURE_UNTRUSTED'],
    ['of another device', () => sealEnvelope(key, { ...desired(1), device: 'press-2' }), 'DESIRED_REFUSED'],
  ])('%s counts for nothing before it is taken', (_, message, code) => {
    expect(() => make().verify(message())).toThrowError(expect.objectContaining({ code }));
  });
});
