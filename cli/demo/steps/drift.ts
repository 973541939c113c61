/** Step 5: a blunt tool makes the third line turn harder than the model ever saw, and the device says so. */
import { waitFor } from '../wait-for.ts';
import { deviceAt, type Stage } from './stage.ts';

const FEATURE = 'torque_nm';
const SHIFT_NM = 10;
const OVER_SAMPLES = 200;

export async function drift(stage: Stage): Promise<void> {
  const { api, tell } = stage;
  const device = deviceAt(stage, 2);
  const seen = async () => (await device.slot())?.drift.find(({ feature }) => feature === FEATURE);
  const before = await seen();
  const sinceMs = Date.now();
  await device.injectDrift(FEATURE, SHIFT_NM, OVER_SAMPLES);
  tell.say(
    `Drift is injected into ${device.id}: ${FEATURE} rises by ${SHIFT_NM} Nm (population stability index so far ${psi(before?.psi)}).`,
  );
  const flagged = await waitFor('the drift alarm', 40_000, stage, async (sees) => {
    const now = await seen();
    sees(`The index is ${psi(now?.psi)}.`);
    return now?.drifting && now.psi > (before?.psi ?? 0) ? now : undefined;
  });
  const told = await waitFor('the drift event at the server', 30_000, stage, async () =>
    (await api.fleet()).events.find(
      ({ kind, device: from, timeMs, message }) =>
        kind === 'drift' && from === device.id && timeMs >= sinceMs && message.includes(FEATURE),
    ),
  );
  tell.say(`${device.id} flags it (index ${psi(flagged.psi)}), and the server has heard: "${told.message}"`);
}

function psi(value: number | undefined): string {
  return value === undefined ? 'unknown' : value.toFixed(2);
}
