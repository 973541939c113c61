/** A clock that a test sets: the wall clock jumps as it likes, the monotonic one only runs. */
import type { Clock } from '../../../agent/clock.ts';

export class HandClock implements Clock {
  wall: number;
  #monotonicMs = 1000;

  constructor(wallMs: number) {
    this.wall = wallMs;
  }

  wallMs(): number {
    return this.wall;
  }

  monotonicUs(): number {
    return this.#monotonicMs * 1000;
  }

  /** Time goes on, on both. */
  run(ms: number): this {
    this.#monotonicMs += ms;
    this.wall += ms;
    return this;
  }

  /** The machine was off: its wall clock went on if it has a battery, else it begins at 1970. */
  reboot(offMs: number, { battery = true } = {}): this {
    this.#monotonicMs = 0;
    this.wall = battery ? this.wall + offMs : 0;
    return this;
  }
}
