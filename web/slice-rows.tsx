/** Does the model do as well everywhere: one group of rows a tag, and a word where a slice really does worse. */
import type { MetricReport, ShownSlice } from '../protocol/evidence/metric-report.ts';
import { bestEstimate } from '../protocol/evidence/metric-report.ts';
import { formatCounted, formatRatio } from './format.ts';
import { type IntervalRow, IntervalRows, scaleOf } from './interval-rows.tsx';
import { gapWords, isAboutPeople, sliceAdvice } from './metric-words.ts';
import { StateBadge } from './state-icon.tsx';

export function SliceRows({ report }: { report: MetricReport }) {
  const { slices } = report;
  const whole = bestEstimate(report);
  if (slices.length === 0) {
    return (
      <p class="soft">
        Known when samples carry tags such as shift, operator or product, and labels come for more than one of
        each.
      </p>
    );
  }
  const told = slices.filter(({ call }) => call !== 'too-few');
  const scale = scaleOf(
    (told.length > 0 ? told : slices).map(({ estimate }) => estimate),
    whole ? [whole.value] : [],
  );
  return (
    <>
      <SliceVerdict slices={slices} />
      {whole ? (
        <p class="small soft">
          A dot is the metric of one slice, the line around it its 95% interval; the thin line through all is
          the whole, {formatRatio(whole.value)}.
        </p>
      ) : null}
      <div class="slice-groups">
        {inGroups(slices).map(([key, group]) => (
          <div key={key}>
            <h4>
              {key}
              {group[0] && isAboutPeople(group[0]) ? <span class="soft"> (people)</span> : null}
            </h4>
            <IntervalRows
              rows={group.map(rowOf)}
              scale={scale}
              {...(whole ? { reference: whole.value } : {})}
            />
          </div>
        ))}
      </div>
    </>
  );
}

function SliceVerdict({ slices }: { slices: readonly ShownSlice[] }) {
  const worse = slices.filter(({ call }) => call === 'worse');
  const judged = slices.filter(({ call }) => call !== 'too-few');
  if (judged.length === 0) {
    return (
      <p class="verdict">
        <StateBadge state="info">Too little to tell</StateBadge>
      </p>
    );
  }
  if (worse.length === 0) {
    return (
      <p class="verdict">
        <StateBadge state="ok">No slice does worse</StateBadge>{' '}
        <span class="soft">
          as far as {formatCounted(judged.length, 'slice')} with enough labels can tell.
        </span>
      </p>
    );
  }
  return (
    <p class="verdict">
      <StateBadge state="warning">
        Does worse: {worse.map(({ key, value }) => `${key} ${value}`).join(', ')}
      </StateBadge>{' '}
      <span class="soft">{sliceAdvice(slices)}</span>
    </p>
  );
}

function rowOf(slice: ShownSlice): IntervalRow {
  const { value, estimate, call } = slice;
  if (call === 'worse') return { name: value, estimate, state: 'worse', note: gapWords(slice) };
  if (call === 'too-few') return { name: value, estimate, state: 'faint', note: 'too little to tell' };
  return { name: value, estimate };
}

function inGroups(slices: readonly ShownSlice[]): [string, ShownSlice[]][] {
  const groups = new Map<string, ShownSlice[]>();
  for (const slice of slices) groups.set(slice.key, [...(groups.get(slice.key) ?? []), slice]);
  return [...groups];
}
