/** One device that lives through many updates and is killed in each, at another step each time. */
import { expect } from 'vitest';
import { waitFor } from '../../../support/processes.ts';
import { countPlates, positionReached } from '../../support/ledger.ts';
import type { BuiltAgent } from './built-agent.ts';
import type { Outcome, Play } from './plays.ts';
import { type Armed, type Point, pointsOf } from './steps.ts';
import { UpdateScene } from './update-scene.ts';

/** Steps that come after the report: tidying up. */
const TRAILS_FOR_MS = 2000;
const SETTLES_WITHIN_MS = 10_000;

export class KillChain {
  readonly #scene: UpdateScene;
  readonly #play: Play;
  /** The longest time from the agent's readiness to its next durable prediction. */
  longestToServeMs = 0;
  kills = 0;

  private constructor(scene: UpdateScene, play: Play) {
    this.#scene = scene;
    this.#play = play;
  }

  /** A device in the middle of its life: it has a model to go back to, and one to forget. */
  static async start(id: string, play: Play, agent: BuiltAgent): Promise<KillChain> {
    const scene = await UpdateScene.prepare(id, agent, { slot: play.slot ?? {} });
    const chain = new KillChain(scene, play);
    await scene.device.start();
    for (let update = 0; update < 2; update++) {
      await chain.#settle({ model: await scene.want(await scene.release()), state: 'committed' });
    }
    return chain;
  }

  /** Plays it once undisturbed. @returns every step of it */
  async record(): Promise<Point[]> {
    const { steps } = this.#scene;
    const before = steps.all().length;
    await this.#settle(await this.#play.run(this.#scene));
    return pointsOf(steps.all().slice(before));
  }

  /**
   * Plays it, with a kill at this point; then a clean start, after which everything must be well.
   * @returns false when the agent came through this point alive; a play may also have fewer such steps than the one recorded
   */
  async killAt({ label, nth, side }: Omit<Armed, 'token'>): Promise<boolean> {
    const { steps, device } = this.#scene;
    const about = `killed ${side} "${label}" (${nth})`;
    const before = steps.all().length;
    steps.arm({ label, nth, side });
    const outcome = await this.#play.run(this.#scene);
    const reported = await this.#scene.reports(outcome.model, outcome.state);
    if (reported) await waitFor(() => device.ended, TRAILS_FOR_MS, about).catch(() => undefined);
    steps.disarm();
    if (!device.ended) {
      await this.#settle(outcome);
      return !pointsOf(steps.all().slice(before)).some((point) => point.label === label && point.nth === nth);
    }
    this.kills += 1;
    const row = this.#scene.row();
    for (const model of [row?.champion, ...(row?.good ?? [])]) {
      if (model) await this.#scene.verify(model);
    }
    await device.start();
    await this.#serves([row?.champion, ...(row?.good ?? []), outcome.model.manifestSha256], about);
    await this.#settle(outcome, about);
    return true;
  }

  /** Stops the device. @returns what became of its samples */
  async end(): Promise<{ made: number; recorded: number; lost: number; doubled: number }> {
    const { device } = this.#scene;
    expect(await device.end()).toBe(0);
    const made = positionReached(device.database);
    const { records, lost, doubled } = countPlates('device', device.database, made, device.id);
    return { made, recorded: records, lost, doubled };
  }

  async #serves(models: readonly (string | null | undefined)[], about: string): Promise<void> {
    const { device } = this.#scene;
    const readyMs = performance.now();
    const seq = await device.lastSeq();
    await waitFor(
      async () => (await device.lastSeq()) > seq,
      SETTLES_WITHIN_MS,
      `predictions after ${about}`,
    );
    this.longestToServeMs = Math.max(this.longestToServeMs, performance.now() - readyMs);
    expect(models, about).toContain((await device.status()).slots[0]?.champion?.manifestSha256);
  }

  /** The device says how it ended, runs what it should, and has nothing on its disk that nobody needs. */
  async #settle({ model, state }: Outcome, about = 'an update'): Promise<void> {
    const { device } = this.#scene;
    if (!(await this.#scene.reports(model, state))) throw new Error(`the agent ended:\n${device.output}`);
    const { slots } = await device.status();
    const runs = slots[0]?.champion?.manifestSha256 === model.manifestSha256;
    expect(runs).toBe(state === 'committed');
    await this.#scene.isTidy(about);
  }
}
