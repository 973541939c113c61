/** The page from top to bottom: the board, each slot, then this device. */
import { Board } from '../../web/board.tsx';
import { EventList } from '../../web/event-list.tsx';
import { formatClock } from '../../web/format.ts';
import { Logo } from '../../web/logo.tsx';
import { boardState } from '../../web/page-state.ts';
import { RefusedList } from '../../web/refused-list.tsx';
import { useLive, useTheirNow } from '../../web/use-live.ts';
import type { StatusView } from '../http/view.ts';
import { AlarmList } from './alarm-list.tsx';
import { BringModel } from './bring-model.tsx';
import { DevicePanel, LinkPanel } from './device-panel.tsx';
import { MachinePanel } from './machine-panel.tsx';
import { SlotSection } from './slot-section.tsx';

export function StatusPage() {
  const live = useLive<StatusView>('api/status', 'api/live');
  const nowMs = useTheirNow(live.view?.device.nowMs ?? 0, live);
  if (!live.view) return <Waiting lost={live.lost} />;
  const view = live.view;
  return (
    <>
      <a class="skip" href="#predictions">
        Go to recent predictions
      </a>
      <TopBar view={view} nowMs={nowMs} />
      {live.lost ? (
        <Board
          state="lost"
          text={`This page lost the agent; showing ${formatClock(view.device.nowMs, view.device.nowMs)}.`}
          next="It reconnects by itself. If this lasts, check that the device is on; the line may go on without this page."
        />
      ) : (
        <Board
          state={boardState(view.headline.severity)}
          text={view.headline.text}
          next={view.headline.next}
        />
      )}
      <main>
        <AlarmList alarms={view.alarms.slice(1)} nowMs={nowMs} />
        {view.slots.length === 0 ? <NoSlots /> : null}
        {view.slots.map((slot, i) => (
          <SlotSection
            key={slot.slot}
            slot={slot}
            nowMs={nowMs}
            startedAtMs={view.device.startedAtMs}
            pinSet={view.device.pinSet}
            first={i === 0}
          />
        ))}
        <section class="section lower" aria-label="This device">
          <div>
            <LinkPanel view={view} nowMs={nowMs} />
            <DevicePanel view={view} nowMs={nowMs} />
          </div>
          <div>
            <MachinePanel machine={view.machine} />
            <h2>Events</h2>
            {view.events.length === 0 ? (
              <p class="soft">Nothing has happened yet.</p>
            ) : (
              <EventList
                events={view.events.map((event) => ({
                  ...event,
                  where: view.slots.length > 1 ? event.slot : null,
                }))}
                nowMs={nowMs}
              />
            )}
          </div>
          <div>
            <h2>Refused and dropped</h2>
            <RefusedList counters={view.counters} none="Nothing was refused since the agent started." />
            <BringModel view={view} />
          </div>
        </section>
      </main>
    </>
  );
}

function TopBar({ view, nowMs }: { view: StatusView; nowMs: number }) {
  const place = Object.entries(view.device.labels).map(([key, value]) => `${key} ${value}`);
  return (
    <div class="topbar">
      <span class="name">
        <Logo />
        {view.device.id}
      </span>
      <span class="soft">{place.join(' · ')}</span>
      <time class="clock">{formatClock(nowMs, nowMs)}</time>
    </div>
  );
}

function Waiting({ lost }: { lost: boolean }) {
  return (
    <p class="waiting" role="status">
      {lost ? 'The agent does not answer yet. This page keeps asking.' : 'Asking the agent …'}
    </p>
  );
}

function NoSlots() {
  return (
    <section class="section empty">
      <h2>No model has a job here yet</h2>
      <p>
        Name a source and a slot in <code>device.config.json</code>, then start the agent again.
      </p>
    </section>
  );
}
