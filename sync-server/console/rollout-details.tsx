/** One rollout as a person reads it: the reason, the stages, the levers, the evidence, and what was decided. */
import { formatClock } from '../../web/format.ts';
import type { RolloutView } from '../views/rollout.ts';
import { EvidencePanel } from './evidence-panel.tsx';
import { RolloutActions } from './rollout-actions.tsx';
import { isRunning, planWords, ROLLOUT_STATES } from './rollout-words.ts';
import { StageStrip } from './stage-strip.tsx';

export function RolloutDetails({ rollout, nowMs }: { rollout: RolloutView; nowMs: number }) {
  return (
    <>
      <p class="reason">{rollout.reason}</p>
      <StageStrip rollout={rollout} />
      <p class="terms small soft">{planWords(rollout)}</p>
      {isRunning(rollout) ? <RolloutActions rollout={rollout} /> : null}
      <div class="rollout-columns">
        <EvidencePanel rollout={rollout} nowMs={nowMs} />
        <div>
          <h4>Decisions</h4>
          <ol class="decisions">
            {rollout.decisions.map((decision) => (
              <li key={`${decision.timeMs}-${decision.state}-${decision.reason}`}>
                <time class="soft">{formatClock(decision.timeMs, nowMs)}</time>
                <span>
                  <strong>
                    Stage {decision.stage + 1}, {ROLLOUT_STATES[decision.state].word.toLowerCase()}.
                  </strong>{' '}
                  {decision.reason}
                </span>
              </li>
            ))}
          </ol>
          {rollout.decisions.length === 0 ? <p class="soft">None yet.</p> : null}
          <h4 class="runs-it">Runs it</h4>
          <p>{rollout.devices.length === 0 ? 'No device' : rollout.devices.join(', ')}</p>
        </div>
      </div>
    </>
  );
}
