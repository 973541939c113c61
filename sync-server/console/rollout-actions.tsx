/** Approve, pause, resume and abort, each asked twice: these reach machines. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { postJson } from '../../web/post-json.ts';
import type { RolloutView } from '../views/rollout.ts';
import { stageWords } from './rollout-words.ts';

type Action = 'approve' | 'pause' | 'resume' | 'abort';

function question(action: Action, rollout: RolloutView): string {
  if (action === 'approve') return `Approve? ${rollout.to} goes on to ${nextStageWords(rollout)}.`;
  if (action === 'pause') return `Pause? Devices keep what they run now; ${rollout.to} goes no further.`;
  if (action === 'resume') return `Resume? ${rollout.to} goes on as soon as the evidence allows.`;
  return `Abort? Every device goes back to ${rollout.from}.`;
}

function nextStageWords({ stage, stages }: RolloutView): string {
  const next = stages[stage + 1];
  if (!next) return 'the next stage';
  const { devices, traffic } = stageWords(next);
  return `stage ${stage + 2}: ${devices}, ${traffic}`;
}

const WORDS: Record<Action, { ask: string; yes: string; no: string; done: string }> = {
  approve: { ask: 'Approve …', yes: 'Approve the next stage', no: 'Not yet', done: 'Approved.' },
  pause: { ask: 'Pause …', yes: 'Pause the rollout', no: 'Let it go on', done: 'Paused.' },
  resume: { ask: 'Resume …', yes: 'Resume the rollout', no: 'Stay paused', done: 'Resumed.' },
  abort: { ask: 'Abort …', yes: 'Abort the rollout', no: 'Keep it', done: 'Aborted.' },
};

export function RolloutActions({ rollout }: { rollout: RolloutView }) {
  const [asking, setAsking] = useState<Action>();
  const [words, setWords] = useState('');
  const send = async (action: Action) => {
    setWords('Sending …');
    const result = await postJson(`api/rollouts/${encodeURIComponent(rollout.id)}/${action}`, {});
    setAsking(undefined);
    setWords(result.ok ? WORDS[action].done : `Not done. ${result.words}`);
  };
  const waits = rollout.state === 'waiting-for-approval';
  const offered: Action[] = [
    ...(waits ? (['approve'] as const) : []),
    rollout.state === 'paused' ? 'resume' : 'pause',
    'abort',
  ];
  return (
    <div class="actions">
      {asking ? (
        <Confirm
          question={question(asking, rollout)}
          action={asking}
          onYes={() => void send(asking)}
          onNo={() => setAsking(undefined)}
        />
      ) : (
        <div class="buttons">
          {offered.map((action) => (
            <button
              class={action === 'approve' ? 'button primary' : 'button'}
              type="button"
              key={action}
              onClick={() => setAsking(action)}
            >
              {WORDS[action].ask}
            </button>
          ))}
        </div>
      )}
      <p role="status">{words}</p>
    </div>
  );
}

function Confirm(props: { question: string; action: Action; onYes: () => void; onNo: () => void }) {
  const { question, action, onYes, onNo } = props;
  const safe = useRef<HTMLButtonElement>(null);
  useEffect(() => safe.current?.focus(), []);
  return (
    <fieldset class="confirm" onKeyDown={(event) => event.key === 'Escape' && onNo()}>
      <legend>{question}</legend>
      <div class="buttons">
        <button class="button" type="button" ref={safe} onClick={onNo}>
          {WORDS[action].no}
        </button>
        <button class={action === 'abort' ? 'button danger' : 'button primary'} type="button" onClick={onYes}>
          {WORDS[action].yes}
        </button>
      </div>
    </fieldset>
  );
}
