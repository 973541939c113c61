/** One slot: which model runs, how fast and how well, what it said lately, and whether its inputs drift. */
import { formatShare, shortHash } from '../../web/format.ts';
import type { PageState } from '../../web/page-state.ts';
import { SliceRows } from '../../web/slice-rows.tsx';
import { StateBadge } from '../../web/state-icon.tsx';
import type { SlotView } from '../http/view.ts';
import { DriftMultiples } from './drift-multiples.tsx';
import { HoldControl } from './hold-control.tsx';
import { PredictionList } from './prediction-list.tsx';
import { SlotFigures } from './slot-figures.tsx';
import { TruthPanel } from './truth-panel.tsx';

interface Props {
  slot: SlotView;
  nowMs: number;
  startedAtMs: number;
  pinSet: boolean;
  first: boolean;
}

export function SlotSection(props: Props) {
  const { slot, nowMs, startedAtMs, pinSet, first } = props;
  return (
    <section class="section slot" aria-labelledby={`slot-${slot.slot}`}>
      <div class="section-head">
        <h2 id={`slot-${slot.slot}`}>{slot.slot}</h2>
        <span class="soft">from {slot.source}</span>
      </div>
      <SlotModels slot={slot} />
      <HoldControl slot={slot} nowMs={nowMs} pinSet={pinSet} />
      <SlotFigures slot={slot} upS={(nowMs - startedAtMs) / 1000} />
      <div class="slot-columns">
        <PredictionList slot={slot} nowMs={nowMs} anchor={first ? 'predictions' : undefined} />
        <DriftMultiples slot={slot} nowMs={nowMs} />
      </div>
      {slot.metric && slot.metric.slices.length > 0 ? (
        <div class="slices">
          <h3>Does it do as well everywhere?</h3>
          <SliceRows report={slot.metric} />
        </div>
      ) : null}
      <TruthPanel truth={slot.truth} />
    </section>
  );
}

function SlotModels({ slot }: { slot: SlotView }) {
  const { champion, challenger, install } = slot;
  return (
    <ul class="models">
      {champion ? (
        <li>
          <StateBadge state="ok">{champion.title}</StateBadge>
          <span class="hash faint" title={champion.manifestSha256}>
            {shortHash(champion.manifestSha256)}
          </span>
          <span class="soft">
            {challenger ? `decides ${formatShare(1 - challenger.share)} of samples` : 'decides every sample'}
          </span>
        </li>
      ) : (
        <li>
          <StateBadge state="alarm">No model runs</StateBadge>
          <span class="soft">Samples of this slot are not judged.</span>
        </li>
      )}
      {challenger ? (
        <li>
          <StateBadge state="info">{challenger.title}</StateBadge>
          <span class="hash faint" title={challenger.manifestSha256}>
            {shortHash(challenger.manifestSha256)}
          </span>
          <span class="soft">on trial: decides {formatShare(challenger.share)}, looks on at the rest</span>
        </li>
      ) : null}
      {install && isWorthShowing(install) ? (
        <li>
          <StateBadge state={installState(install.state)}>
            {install.title ? `${install.title}: ${install.stateWords}` : install.stateWords}
          </StateBadge>
          <span class="hash faint">{shortHash(install.manifestSha256)}</span>
          <span class="soft">{installProgress(install)}</span>
        </li>
      ) : null}
    </ul>
  );
}

type Install = NonNullable<SlotView['install']>;

function isWorthShowing({ state, waitsFor }: Install): boolean {
  return waitsFor !== undefined || (state !== 'committed' && state !== 'challenger');
}

function installState(state: Install['state']): PageState {
  return state === 'refused' || state === 'rolled-back' ? 'warning' : 'info';
}

function installProgress(install: Install): string {
  if (install.reason) return install.reason;
  return install.state === 'fetching' ? `${install.chunksHave} of ${install.chunksWant} pieces are here` : '';
}
