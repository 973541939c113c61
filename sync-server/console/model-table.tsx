/** Every registered model: what it is, what it promises beside its baseline, and a rollout from its row. */
import { useState } from 'preact/hooks';
import { formatAge, formatBytes, formatRatio, metricName, shortHash } from '../../web/format.ts';
import type { FleetView } from '../views/fleet.ts';
import type { ModelView } from '../views/model.ts';
import { ModelLineage, ModelMarks, ModelNotes } from './model-marks.tsx';
import { StartRollout } from './start-rollout.tsx';

export function ModelTable({ view, nowMs }: { view: FleetView; nowMs: number }) {
  const [starting, setStarting] = useState<string>();
  const [words, setWords] = useState('');
  return (
    <>
      <p role="status" class="answer-words">
        {words}
      </p>
      <table class="stacking">
        <thead>
          <tr>
            <th scope="col">Model</th>
            <th scope="col">What it is</th>
            <th scope="col">Promises, against its baseline</th>
            <th scope="col" class="right">
              Size
            </th>
            <th scope="col">Published</th>
            <th scope="col">
              <span class="visually-hidden">Action</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {view.models.map((model) => (
            <ModelRow
              key={model.manifestSha256}
              model={model}
              models={view.models}
              nowMs={nowMs}
              open={starting === model.manifestSha256}
              onOpen={() => setStarting(model.manifestSha256)}
              form={
                <StartRollout
                  view={view}
                  model={model}
                  onClose={(said) => {
                    setStarting(undefined);
                    setWords(said);
                  }}
                />
              }
            />
          ))}
        </tbody>
      </table>
    </>
  );
}

function ModelRow(props: {
  model: ModelView;
  models: readonly ModelView[];
  nowMs: number;
  open: boolean;
  onOpen: () => void;
  form: preact.JSX.Element;
}) {
  const { model, models, nowMs, open, onOpen, form } = props;
  return (
    <>
      <tr>
        <th scope="row">
          {model.title}
          <span class="hash faint line" title={model.manifestSha256}>
            {shortHash(model.manifestSha256)}
          </span>
          <ModelMarks model={model} />
        </th>
        <td data-label="What it is">
          <div>
            {model.summary}
            <ModelNotes model={model} nowMs={nowMs} />
            <ModelLineage model={model} models={models} />
          </div>
        </td>
        <td data-label="Promises">
          <div class="promises">
            <strong>{formatRatio(model.metric.offline)}</strong> {metricName(model.metric.name)}
            <span class="small soft line">{againstBaseline(model)}</span>
          </div>
        </td>
        <td data-label="Size" class="right short">
          <div>
            {formatBytes(model.sizeBytes)}
            <span class="small soft line">{model.precision}</span>
          </div>
        </td>
        <td data-label="Published" class="short">
          {formatAge(model.publishedAtMs, nowMs)}
        </td>
        <td class="right">
          <button class="button" type="button" aria-expanded={open} onClick={onOpen}>
            Roll out …
          </button>
        </td>
      </tr>
      {open ? (
        <tr class="form-row">
          <td colSpan={6}>{form}</td>
        </tr>
      ) : null}
    </>
  );
}

/** `+0.212 over 3-sigma rule (0.620)` */
function againstBaseline(model: ModelView): string {
  const { offline, baseline } = model.metric;
  const gain = offline - baseline.value;
  const sign = gain >= 0 ? '+' : '−';
  return `${sign}${formatRatio(Math.abs(gain))} against ${baseline.name} (${formatRatio(baseline.value)})`;
}
