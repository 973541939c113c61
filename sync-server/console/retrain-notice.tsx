/** A slot that drifts and has new labels: what a person may do about it. */
import { Command } from '../../web/command.tsx';
import { formatCount, formatCounted, formatMinute } from '../../web/format.ts';
import type { RetrainProposalView } from '../views/retrain-proposal.ts';

interface RetrainNoticeProps {
  readonly proposal: RetrainProposalView;
  readonly nowMs: number;
}

export function RetrainNotice({ proposal, nowMs }: RetrainNoticeProps) {
  const { slot, commands } = proposal;
  return (
    <div class="notice">
      <h3>Train {slot} anew?</h3>
      <p>{retrainWords(proposal, nowMs)}</p>
      {commands.map((command) => (
        <Command key={command} text={command} />
      ))}
    </div>
  );
}

function retrainWords(proposal: RetrainProposalView, nowMs: number): string {
  const { features, devices, sinceMs, labelled, withFeatures, verdict } = proposal;
  const [feature, ...more] = features;
  const what = more.length > 0 ? `${feature} and ${more.length} more drift` : `${feature} drifts`;
  const where = devices.length === 1 ? devices[0] : formatCounted(devices.length, 'device');
  const begin = `${what} on ${where} since ${formatMinute(sinceMs, nowMs)}; ${formatCounted(labelled, 'sample')} since then have a label.`;
  if (verdict === 'train') {
    return `${begin} Export them, retrain with them, and look at the comparison. Nothing is released by itself.`;
  }
  const some = withFeatures === 0 ? 'None of them has' : `Only ${formatCount(withFeatures)} of them have`;
  return `${begin} ${some} features: the slot’s privacy policy keeps those on the devices, so there is nothing to train with here.`;
}
