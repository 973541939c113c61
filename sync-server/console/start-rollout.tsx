/** The form under a model's row: which slot, which devices, then go. The server's default stages are used. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { formatCounted, formatShare } from '../../web/format.ts';
import { postJson } from '../../web/post-json.ts';
import type { DeviceView, FleetView } from '../views/fleet.ts';
import type { ModelView } from '../views/model.ts';
import type { RolloutStage, StartRolloutRequest } from '../views/rollout.ts';

const EVERYWHERE = '';
/** The server's default stages, with a person before the last. */
const ASKING_STAGES: RolloutStage[] = [
  { devices: 0.05, traffic: 0.05 },
  { devices: 0.5, traffic: 0.5 },
  { devices: 1, traffic: 1, approval: true },
];

export function StartRollout(props: { view: FleetView; model: ModelView; onClose: (words: string) => void }) {
  const { view, model, onClose } = props;
  const slots = slotNames(view.devices);
  const [slot, setSlot] = useState(() => likelySlot(view.devices, model) ?? slots[0] ?? '');
  const [target, setTarget] = useState(EVERYWHERE);
  const [asks, setAsks] = useState(false);
  const [problem, setProblem] = useState('');
  const select = useRef<HTMLSelectElement>(null);
  useEffect(() => select.current?.focus(), []);

  if (slots.length === 0) {
    return <p class="soft">No device has reported a slot yet. Start an agent first.</p>;
  }
  const reached = view.devices.filter((device) => matches(device, slot, target)).length;
  const start = async () => {
    const request: StartRolloutRequest = {
      slot,
      model: `${model.name}@${model.version}`,
      ...(target === EVERYWHERE ? {} : { labels: labelOf(target) }),
      ...(asks ? { stages: ASKING_STAGES } : {}),
    };
    const result = await postJson('api/rollouts', request);
    if (result.ok) onClose(`Rollout of ${model.title} started for ${slot}.`);
    else setProblem(`Not started. ${result.words}`);
  };
  return (
    <form
      class="start-rollout"
      aria-label={`Roll out ${model.title}`}
      onSubmit={(event) => {
        event.preventDefault();
        void start();
      }}
      onKeyDown={(event) => event.key === 'Escape' && onClose('')}
    >
      <label>
        Slot
        <select
          class="button"
          ref={select}
          value={slot}
          onChange={(event) => setSlot(event.currentTarget.value)}
        >
          {slots.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <label>
        Devices
        <select class="button" value={target} onChange={(event) => setTarget(event.currentTarget.value)}>
          <option value={EVERYWHERE}>all that have this slot</option>
          {labelNames(view.devices).map((label) => (
            <option key={label} value={label}>
              {label.replace('=', ' ')}
            </option>
          ))}
        </select>
      </label>
      <label class="check">
        <input type="checkbox" checked={asks} onChange={(event) => setAsks(event.currentTarget.checked)} />
        Ask a person before the last stage
      </label>
      <p class="soft">
        Reaches {formatCounted(reached, 'device')} in stages: first {formatShare(0.05)} of devices (at least
        one) and of samples, then half, then all. It goes on only when labels show that {model.title} is no
        worse.
      </p>
      <div class="buttons">
        <button class="button primary" type="submit" disabled={reached === 0}>
          Start the rollout
        </button>
        <button class="button" type="button" onClick={() => onClose('')}>
          Not now
        </button>
      </div>
      <p role="alert">{problem}</p>
    </form>
  );
}

function slotNames(devices: readonly DeviceView[]): string[] {
  return [...new Set(devices.flatMap((device) => Object.keys(device.reported?.slots ?? {})))].sort();
}

/** The slot where another version of the same model runs already. */
function likelySlot(devices: readonly DeviceView[], model: ModelView): string | undefined {
  for (const device of devices) {
    for (const [slot, { champion }] of Object.entries(device.reported?.slots ?? {})) {
      if (champion?.title.startsWith(`${model.name} `)) return slot;
    }
  }
  return undefined;
}

function labelNames(devices: readonly DeviceView[]): string[] {
  const all = devices.flatMap((device) =>
    Object.entries(device.labels).map(([key, value]) => `${key}=${value}`),
  );
  return [...new Set(all)].sort();
}

function labelOf(target: string): Record<string, string> {
  const at = target.indexOf('=');
  return { [target.slice(0, at)]: target.slice(at + 1) };
}

function matches(device: DeviceView, slot: string, target: string): boolean {
  if (!device.reported?.slots[slot]) return false;
  return (
    target === EVERYWHERE ||
    Object.entries(labelOf(target)).every(([key, value]) => device.labels[key] === value)
  );
}
