/** Brings a model from a stick to this device: choose the file, say the PIN, see at once whether it is taken. */
import { useRef, useState } from 'preact/hooks';
import { postFile } from '../../web/post-json.ts';
import { StateBadge } from '../../web/state-icon.tsx';
import type { StatusView } from '../http/view.ts';

type Outcome = { state: 'sending' | 'ok' | 'warning'; words: string };

export function BringModel({ view }: { view: StatusView }) {
  if (!view.device.pinSet) return <NoPin />;
  return (
    <div class="panel">
      <h2>Bring a model</h2>
      <p>A signed bundle from a stick is checked and tested here like one from the server.</p>
      <BringForm slots={view.slots.map(({ slot }) => slot)} />
    </div>
  );
}

function BringForm({ slots }: { slots: readonly string[] }) {
  const [outcome, setOutcome] = useState<Outcome>();
  const form = useRef<HTMLFormElement>(null);
  const send = async (event: Event) => {
    event.preventDefault();
    const data = new FormData(form.current ?? undefined);
    const file = data.get('bundle');
    if (!(file instanceof File) || file.size === 0) {
      setOutcome({ state: 'warning', words: 'Choose the file first; its name ends in .andon.' });
      return;
    }
    setOutcome({ state: 'sending', words: `Sending ${file.name} and checking it …` });
    const slot = data.get('slot');
    const query = typeof slot === 'string' && slot !== '' ? `?slot=${encodeURIComponent(slot)}` : '';
    const sent = await postFile(`api/install${query}`, file, {
      'x-andon-pin': String(data.get('pin') ?? ''),
    });
    if (sent.ok) form.current?.reset();
    setOutcome(
      sent.ok
        ? { state: 'ok', words: 'Taken. It is tested now, and works as soon as it has passed: see above.' }
        : { state: 'warning', words: sent.words },
    );
  };
  return (
    <form class="bring" ref={form} onSubmit={(event) => void send(event)}>
      <label>
        Bundle
        <input type="file" name="bundle" accept=".andon" />
      </label>
      {slots.length > 1 ? (
        <label>
          Slot
          <select name="slot">
            <option value="">whichever fits</option>
            {slots.map((slot) => (
              <option key={slot}>{slot}</option>
            ))}
          </select>
        </label>
      ) : null}
      <label>
        PIN
        <input type="password" name="pin" inputMode="numeric" autocomplete="off" required />
      </label>
      <button class="button" type="submit" disabled={outcome?.state === 'sending'}>
        Install
      </button>
      <p role="status">
        {outcome ? (
          <StateBadge state={outcome.state === 'sending' ? 'info' : outcome.state}>
            {outcome.words}
          </StateBadge>
        ) : null}
      </p>
    </form>
  );
}

function NoPin() {
  return (
    <div class="panel">
      <h2>Bring a model</h2>
      <p class="soft">
        Needs a PIN. Whoever set this device up makes one with <code>andon pin</code> and names its file under{' '}
        <code>http.pinFile</code>.
      </p>
    </div>
  );
}
