/** An operator's hold: new models begin to decide in this slot only when it is released, or its time is over. */
import { useRef, useState } from 'preact/hooks';
import { formatMinute } from '../../web/format.ts';
import { postJson } from '../../web/post-json.ts';
import { StateBadge } from '../../web/state-icon.tsx';
import type { HoldRequest, SlotView } from '../http/view.ts';

const HOUR_MS = 3_600_000;
const LENGTHS = [
  { words: 'until somebody releases it', hours: null },
  { words: 'for 1 hour', hours: 1 },
  { words: 'for 8 hours', hours: 8 },
  { words: 'for 24 hours', hours: 24 },
] as const;

interface Props {
  slot: SlotView;
  nowMs: number;
  pinSet: boolean;
}

export function HoldControl({ slot, nowMs, pinSet }: Props) {
  const [failed, setFailed] = useState('');
  const [sending, setSending] = useState(false);
  const [open, setOpen] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const { hold } = slot;
  const send = async (event: Event) => {
    event.preventDefault();
    const data = new FormData(form.current ?? undefined);
    const hours = Number(data.get('hours'));
    const request: HoldRequest = hold
      ? { slot: slot.slot, hold: false }
      : {
          slot: slot.slot,
          hold: true,
          reason: String(data.get('reason') ?? '').trim(),
          ...(hours > 0 ? { untilMs: Math.round(nowMs + hours * HOUR_MS) } : {}),
        };
    setSending(true);
    const pin = data.get('pin');
    const sent = await postJson('api/hold', request, typeof pin === 'string' ? { 'x-andon-pin': pin } : {});
    setSending(false);
    setFailed(sent.ok ? '' : sent.words);
    if (sent.ok) setOpen(false);
  };
  const submit = (words: string) => (
    <button class="button" type="submit" disabled={sending}>
      {words}
    </button>
  );
  const fields = (
    <form class="hold-form" ref={form} onSubmit={(event) => void send(event)}>
      {hold ? null : <HoldFields />}
      {pinSet ? (
        <label>
          PIN
          <input type="password" name="pin" inputMode="numeric" autocomplete="off" required />
        </label>
      ) : null}
      {submit(hold ? 'Release' : 'Hold')}
    </form>
  );
  const opened = (
    <>
      <p class="soft">
        The model that decides now stays. New ones are fetched and tested meanwhile, and wait. Going back from
        a bad model never waits.
      </p>
      {fields}
    </>
  );
  return (
    <div class="hold">
      {hold ? (
        <>
          <p>
            <StateBadge state="info">New models are held</StateBadge>{' '}
            <span class="soft">
              since {formatMinute(hold.sinceMs, nowMs)}
              {hold.untilMs === null ? '' : `, until ${formatMinute(hold.untilMs, nowMs)}`}: {hold.reason}
            </span>
          </p>
          {fields}
        </>
      ) : (
        <>
          <button class="button" type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
            Hold new models
          </button>
          {open ? opened : null}
        </>
      )}
      <p role="status">{failed ? <StateBadge state="warning">{failed}</StateBadge> : null}</p>
    </div>
  );
}

function HoldFields() {
  return (
    <>
      <label>
        Why
        <input name="reason" maxLength={200} placeholder="Batch 4711 runs" autocomplete="off" required />
      </label>
      <label>
        How long
        <select name="hours">
          {LENGTHS.map(({ words, hours }) => (
            <option key={words} value={hours ?? 0}>
              {words}
            </option>
          ))}
        </select>
      </label>
    </>
  );
}
