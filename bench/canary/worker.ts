/** One of the processes that share the simulation out: plays the blocks of rollouts that it is told to. */
import { Random } from '../../agent/sources/random.ts';
import { type Played, play } from './play.ts';
import { SCENARIOS } from './scenarios.ts';

export interface Block {
  readonly scenario: number;
  readonly block: number;
  readonly rollouts: number;
}

export interface BlockPlayed extends Block {
  readonly played: readonly Played[];
}

/** Every block has a seed of its own, so that the figures do not depend on how many processes there are. */
process.on('message', (asked: Block) => {
  const scenario = SCENARIOS[asked.scenario];
  if (!scenario) throw new RangeError(`no scenario ${asked.scenario}`);
  const random = new Random(1 + asked.scenario * 1000 + asked.block);
  const played = Array.from({ length: asked.rollouts }, () => play(scenario, random));
  process.send?.({ ...asked, played } satisfies BlockPlayed);
});
