/** The stages of a rollout from left to right: passed, under way, to come. */
import { StateIcon } from '../../web/state-icon.tsx';
import type { RolloutView } from '../views/rollout.ts';
import { stageWords } from './rollout-words.ts';

type StageState = 'passed' | 'current' | 'stopped' | 'to-come';

function stageState(rollout: RolloutView, index: number): StageState {
  if (rollout.state === 'done' || index < rollout.stage) return 'passed';
  if (index > rollout.stage) return 'to-come';
  return rollout.state === 'rolled-back' || rollout.state === 'aborted' ? 'stopped' : 'current';
}

const WORDS: Record<StageState, string> = {
  passed: 'passed',
  current: 'under way',
  stopped: 'stopped here',
  'to-come': 'to come',
};

export function StageStrip({ rollout }: { rollout: RolloutView }) {
  return (
    <ol class="stages">
      {rollout.stages.map((stage, i) => {
        const state = stageState(rollout, i);
        const words = stageWords(stage);
        return (
          <li
            class={state}
            key={`${stage.devices}-${stage.traffic}`}
            aria-current={state === 'current' ? 'step' : undefined}
          >
            <p class="stage-name">
              {state === 'passed' ? <StateIcon state="ok" /> : null}
              {state === 'stopped' ? (
                <StateIcon state={rollout.state === 'aborted' ? 'idle' : 'alarm'} />
              ) : null}
              <span>
                Stage {i + 1}, {WORDS[state]}
              </span>
            </p>
            <p>
              {words.devices}, {words.traffic}
              {stage.approval && state !== 'passed' ? ', after approval' : ''}
            </p>
          </li>
        );
      })}
    </ol>
  );
}
