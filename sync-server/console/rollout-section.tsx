/** Rollouts under way in full, those that ended as one line each that opens. */
import { Command } from '../../web/command.tsx';
import { formatAge } from '../../web/format.ts';
import type { FleetView } from '../views/fleet.ts';
import type { ModelView } from '../views/model.ts';
import type { RolloutView } from '../views/rollout.ts';
import { RolloutBadge } from './rollout-badge.tsx';
import { RolloutDetails } from './rollout-details.tsx';
import { isRunning } from './rollout-words.ts';

export function RolloutSection({ view, nowMs }: { view: FleetView; nowMs: number }) {
  const running = view.rollouts.filter(isRunning);
  const ended = view.rollouts.filter((rollout) => !isRunning(rollout));
  return (
    <section class="section" id="rollouts" aria-label="Rollouts">
      <div class="section-head">
        <h2>Rollouts</h2>
      </div>
      {running.length === 0 ? <NoneRunning view={view} /> : null}
      {running.map((rollout) => (
        <article class="rollout" key={rollout.id} aria-label={`Rollout of ${rollout.to}`}>
          <RolloutTitle rollout={rollout} />
          <RolloutDetails rollout={rollout} nowMs={nowMs} />
        </article>
      ))}
      {ended.length > 0 ? (
        <>
          <h3 class="ended-head">Ended</h3>
          {ended.map((rollout, i) => (
            <Ended
              key={rollout.id}
              rollout={rollout}
              nowMs={nowMs}
              open={running.length === 0 && i === 0 && rollout.state !== 'done'}
            />
          ))}
        </>
      ) : null}
    </section>
  );
}

function RolloutTitle({ rollout }: { rollout: RolloutView }) {
  return (
    <div class="rollout-title">
      <h3>
        {rollout.to} <span class="soft">in place of {rollout.from}</span>
      </h3>
      <span class="soft">for {rollout.slot}</span>
      <RolloutBadge state={rollout.state} />
    </div>
  );
}

function Ended({ rollout, nowMs, open }: { rollout: RolloutView; nowMs: number; open: boolean }) {
  return (
    <details class="rollout ended" open={open}>
      <summary>
        <RolloutBadge state={rollout.state} />
        <strong>{rollout.to}</strong>
        <span class="soft">
          for {rollout.slot}, {formatAge(rollout.updatedAtMs, nowMs)}
        </span>
      </summary>
      <RolloutDetails rollout={rollout} nowMs={nowMs} />
    </details>
  );
}

function NoneRunning({ view }: { view: FleetView }) {
  if (view.models.length === 0 || view.devices.length === 0) {
    return (
      <p class="soft">
        A rollout needs {view.devices.length === 0 ? 'a device' : 'a model'} first; see below.
      </p>
    );
  }
  const model = nextModel(view);
  return (
    <div class="empty">
      <p>No rollout is under way. Start one from a model below{model ? ', or from a terminal:' : '.'}</p>
      {model ? (
        <Command text={`andon rollout start ${firstSlot(view)} ${model.name}@${model.version}`} />
      ) : null}
    </div>
  );
}

/** The newest that no device runs yet and that was not stopped before. */
function nextModel({ models, devices, rollouts }: FleetView): ModelView | undefined {
  const running = new Set(
    devices.flatMap(({ reported }) =>
      Object.values(reported?.slots ?? {}).map(({ champion }) => champion?.manifestSha256),
    ),
  );
  const stopped = new Set(rollouts.filter(({ state }) => state === 'rolled-back').map(({ to }) => to));
  const replaced = new Set(rollouts.filter(({ state }) => state === 'done').map(({ from }) => from));
  return [...models]
    .sort((a, b) => b.publishedAtMs - a.publishedAtMs)
    .find(
      ({ manifestSha256, title }) =>
        !running.has(manifestSha256) && !stopped.has(title) && !replaced.has(title),
    );
}

function firstSlot(view: FleetView): string {
  return Object.keys(view.devices.find((device) => device.reported)?.reported?.slots ?? {})[0] ?? '<slot>';
}
