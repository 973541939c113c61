/** A sink that keeps what it gets, with room for as many samples as a test allows. */
import type { LineEvent, Sample, SampleSink } from '../../../agent/sources/source.ts';

export class RecordingSink implements SampleSink {
  readonly samples: Sample[] = [];
  readonly events: LineEvent[] = [];
  readonly refusals: { code: string; message: string }[] = [];
  #room: number;
  #whenReady: (() => void)[] = [];

  constructor(room = Number.POSITIVE_INFINITY) {
    this.#room = room;
  }

  /** Room for this many more samples. */
  makeRoom(samples: number): void {
    this.#room += samples;
    for (const resolve of this.#whenReady.splice(0)) resolve();
  }

  hasRoom(): boolean {
    return this.#room > 0;
  }

  ready(): Promise<void> {
    return new Promise((resolve) => this.#whenReady.push(resolve));
  }

  sample(sample: Sample): void {
    this.#room -= 1;
    this.samples.push(sample);
  }

  event(event: LineEvent): void {
    this.events.push(event);
  }

  refused(code: string, message: string): void {
    this.refusals.push({ code, message });
  }
}
