/** The console from top to bottom: the board, rollouts, devices, models, events, what was refused. */
import { Board } from '../../web/board.tsx';
import { Command } from '../../web/command.tsx';
import { EventList } from '../../web/event-list.tsx';
import { formatClock, shortHash } from '../../web/format.ts';
import { Logo } from '../../web/logo.tsx';
import { RefusedList } from '../../web/refused-list.tsx';
import { useLive, useTheirNow } from '../../web/use-live.ts';
import type { FleetView, TrustView } from '../views/fleet.ts';
import { DeadLetterList } from './dead-letter-list.tsx';
import { DeviceTable } from './device-table.tsx';
import { DriftSection } from './drift-section.tsx';
import { fleetHeadline } from './fleet-headline.ts';
import { MetricSection } from './metric-section.tsx';
import { MlflowNotice } from './mlflow-notice.tsx';
import { ModelTable } from './model-table.tsx';
import { RetrainNotice } from './retrain-notice.tsx';
import { RolloutSection } from './rollout-section.tsx';
import { SignIn, SignOut } from './sign-in.tsx';

export function FleetPage() {
  const live = useLive<FleetView>('api/fleet', 'api/live');
  const nowMs = useTheirNow(live.view?.nowMs ?? 0, live);
  if (live.signIn) return <SignIn />;
  if (!live.view) {
    return (
      <p class="waiting" role="status">
        {live.lost ? 'The server does not answer yet. This page keeps asking.' : 'Asking the server …'}
      </p>
    );
  }
  const view = live.view;
  const headline = fleetHeadline(view, nowMs);
  return (
    <>
      <a class="skip" href="#rollouts">
        Go to rollouts
      </a>
      <div class="topbar">
        <span class="name">
          <Logo />
          Andon fleet
        </span>
        <nav aria-label="Parts of this page">
          <a href="#rollouts">Rollouts</a>
          <a href="#quality">Quality</a>
          <a href="#devices">Devices</a>
          <a href="#drift">Inputs</a>
          <a href="#models">Models</a>
          <a href="#events">Events</a>
        </nav>
        <time class="clock">{formatClock(nowMs, nowMs)}</time>
      </div>
      {live.lost ? (
        <Board
          compact
          state="lost"
          text={`This page lost the server; showing ${formatClock(view.nowMs, view.nowMs)}.`}
          next="It reconnects by itself. Devices go on without the server and send what they kept when it is back."
        />
      ) : (
        <Board compact state={headline.state} text={headline.text} next={headline.next} />
      )}
      <main>
        <RolloutSection view={view} nowMs={nowMs} />
        <MetricSection view={view} nowMs={nowMs} />
        <section class="section" id="devices" aria-label="Devices">
          <div class="section-head">
            <h2>Devices</h2>
          </div>
          {view.devices.length === 0 ? (
            <NoDevices broker={view.server.broker} />
          ) : (
            <DeviceTable view={view} nowMs={nowMs} />
          )}
        </section>
        <DriftSection view={view} nowMs={nowMs} />
        <section class="section" id="models" aria-label="Models">
          <div class="section-head">
            <h2>Models</h2>
          </div>
          {view.models.length === 0 ? (
            <NoModels trust={view.trust} />
          ) : (
            <ModelTable view={view} nowMs={nowMs} />
          )}
          {view.retraining.map((proposal) => (
            <RetrainNotice key={proposal.slot} proposal={proposal} nowMs={nowMs} />
          ))}
          {view.mlflow ? <MlflowNotice mlflow={view.mlflow} /> : null}
        </section>
        <section class="section lower" id="events" aria-label="Events and refused messages">
          <div>
            <h2>Events</h2>
            {view.events.length === 0 ? (
              <p class="soft">No device has told of anything yet.</p>
            ) : (
              <EventList
                events={view.events.map((event) => ({
                  ...event,
                  where: event.slot ? `${event.device} · ${event.slot}` : event.device,
                }))}
                nowMs={nowMs}
              />
            )}
          </div>
          <div>
            <h2>Refused messages</h2>
            <RefusedList counters={view.refused} none="No message was refused since the server started." />
            <DeadLetterList deadLetters={view.deadLetters} nowMs={nowMs} />
            <h2 class="server-head">This server</h2>
            <dl class="pair-list">
              <dt>Version</dt>
              <dd>{view.server.version}</dd>
              <dt>Broker</dt>
              <dd>{view.server.broker}</dd>
              <dt>Signs with key</dt>
              <dd class="hash">{shortHash(view.server.keyId)}</dd>
            </dl>
            <SignOut />
          </div>
        </section>
      </main>
    </>
  );
}

function NoDevices({ broker }: { broker: string }) {
  return (
    <div class="empty">
      <p>
        No device has said hello yet. Set <code>sync.broker</code> to <code>{broker}</code> in a device’s{' '}
        <code>device.config.json</code>, then start its agent:
      </p>
      <Command text="npm run agent -- --config device.config.json" />
    </div>
  );
}

function NoModels({ trust }: { trust: TrustView }) {
  const isNew = trust.metadata === null;
  return (
    <div class="empty">
      <p>
        No model is registered.{' '}
        {isNew ? 'Make keys, away from the server, then sign and publish' : 'Sign and publish'} the first one:
      </p>
      {isNew ? <Command text="andon keys init keys" /> : null}
      <Command text="andon sign models/milling-failure/2 --keys keys" />
      <Command text="andon publish models/milling-failure/2 --keys keys" />
    </div>
  );
}
