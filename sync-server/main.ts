/** The composition root of the sync-server: read top to bottom, it is the list of the parts and how they join. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLog } from '../daemon/log.ts';
import { findProject } from '../daemon/project.ts';
import { Stops } from '../daemon/stops.ts';
import { codeOf } from '../protocol/errors.ts';
import { topics } from '../protocol/topics.ts';
import type { CertificateAuthority } from './access/certificate-authority.ts';
import { DeviceIdentities } from './access/device-identities.ts';
import { Tokens } from './access/tokens.ts';
import { reachBroker, withoutLogin } from './broker/reach-broker.ts';
import { systemClock } from './clock.ts';
import type { ServerConfig } from './config/schema.ts';
import { Counters } from './counters.ts';
import { Datasets } from './dataset/datasets.ts';
import { RetrainWatch } from './dataset/retrain-watch.ts';
import { createAdminApi } from './http/admin-api.ts';
import { isLoopback } from './http/guards.ts';
import { Ingest } from './ingest/ingest.ts';
import { listen } from './listen.ts';
import { SlotMetrics } from './metrics/slot-metrics.ts';
import { startMlflow } from './mlflow/start-mlflow.ts';
import { MqttLink } from './mqtt-link.ts';
import { ChunkPacks } from './registry/chunk-packs.ts';
import { ChunkPublisher } from './registry/chunk-publisher.ts';
import { DesiredStates } from './registry/desired-states.ts';
import { Fleet } from './registry/fleet.ts';
import { ModelCatalog } from './registry/model-catalog.ts';
import { Pace } from './registry/pace.ts';
import { publishPackage } from './registry/publish-package.ts';
import { loadServerKey } from './registry/server-key.ts';
import { TrustRepository } from './registry/trust-repository.ts';
import { RolloutConductor } from './rollouts/conductor.ts';
import { tellServiceManager } from './service-report.ts';
import { ChunkFiles } from './store/chunk-files.ts';
import { Retention } from './store/retention.ts';
import { openServerStore } from './store/server-store.ts';

const DAY_MS = 86_400_000;
const RENEW_EVERY_MS = 60_000;

export interface RunningServer {
  /** Of the admin API and the console. */
  readonly url: string;
  readonly brokerUrl: string;
  /** The public half of its online key, for `andon keys init --server-key`. */
  readonly publicKeyFile: string;
  stop(): Promise<void>;
}

/** @throws CodedError CONFIG_UNREADABLE, PORT_TAKEN, STORE_LOCKED, STORE_UNWRITABLE, STORE_CORRUPT */
export async function startServer(config: ServerConfig): Promise<RunningServer> {
  const clock = systemClock;
  const counters = new Counters();
  const log = createLog(config.log.level, 'sync-server');
  const project = findProject();
  const stops = new Stops();
  const stop = async () => {
    const failures: unknown[] = [];
    await stops.run((error) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  };
  try {
    const store = openServerStore(config.dataDir, {
      onAudit: (row) => log.info({ event: 'audit', ...row }, `${row.who}: ${row.action} ${row.subject}`),
    });
    stops.add(() => store.close());
    const chunkFiles = new ChunkFiles(join(config.dataDir, 'chunks'));
    const { key, publicKeyFile } = loadServerKey(config.dataDir);
    const trust = new TrustRepository({
      folder: join(config.dataDir, 'trust'),
      pinnedRoot: config.trust.root,
      key,
      validMs: config.trust.validDays * DAY_MS,
      chunkFiles,
      clock,
      onChange: () => {
        desired.publishAll();
        chunks.reconcile();
      },
    });

    let opened: Promise<CertificateAuthority> | undefined;
    const authority = () => {
      opened ??= import('./access/certificate-authority.ts').then(({ CertificateAuthority }) =>
        CertificateAuthority.open(join(config.dataDir, 'pki'), clock),
      );
      return opened;
    };
    const identities = new DeviceIdentities({
      store,
      clock,
      authority,
      cut: (device) => broker.cut(device),
    });
    const broker = await reachBroker(config.broker, {
      counters,
      log,
      authority,
      admits: (device, serialNumber) => identities.admits(device, serialNumber),
      exported: {
        rules: () => readFileSync(join(project.folder, 'deploy', 'mosquitto.acl'), 'utf8'),
        revocationList: () => identities.revocationList(),
        revokedDevices: () => identities.revokedDevices(),
      },
    });
    stops.add(() => broker.stop());
    const brokerUrl = broker.deviceUrl ?? withoutLogin(broker.url);
    const publish = (topic: string, payload: Buffer | string, retain: boolean) =>
      link.publish(topic, payload, retain);

    const pace = new Pace(config.delivery.maxBytesPerS, clock);
    const chunks = new ChunkPublisher({
      store,
      chunkFiles,
      publish,
      trust,
      pace,
      clock,
      counters,
      log,
    });
    const desired = new DesiredStates({
      store,
      key,
      trust: () => trust.ref,
      clock,
      publish,
      onChange: () => chunks.reconcile(),
    });
    trust.open();
    const renewTrust = () => {
      try {
        trust.renew();
      } catch (error) {
        counters.add(codeOf(error));
        log.error({ event: 'trust-not-renewed', code: codeOf(error), err: error }, String(error));
      }
    };
    renewTrust();
    const renewing = setInterval(renewTrust, RENEW_EVERY_MS);
    stops.add(() => clearInterval(renewing));
    const catalog = new ModelCatalog({ store, clock });
    const fleet = new Fleet({ store, desired, catalog, clock });
    const { evidence, rollouts } = store;
    const conductor = new RolloutConductor({
      evidence,
      fleet,
      rollouts,
      clock,
      counters,
      log,
      config: config.rollouts,
    });
    const ingest = new Ingest({
      store,
      clock,
      counters,
      log,
      acknowledge: (device, ack) => void publish(topics.ack(device, ack.stream), JSON.stringify(ack), false),
      onBirth: (device) => desired.publish(device),
      onReported: () => chunks.deviceReported(),
      onWant: (device, wanted) => chunks.answer(device, wanted),
    });
    const link = new MqttLink({
      broker,
      log,
      counters,
      onMessage: (message) => ingest.receive(message),
      onConnect: () => {
        desired.publishAll();
        chunks.connected();
      },
    });
    link.start();
    stops.add(async () => {
      ingest.stop();
      const chunksIdle = chunks.stop();
      await link.stop();
      await chunksIdle;
    });
    conductor.start();
    stops.add(() => conductor.stop());
    const mlflow =
      config.mlflow && startMlflow(config.mlflow, { store, fleet, conductor, clock, counters, log });
    if (mlflow) stops.add(() => mlflow.stop());
    const retention = new Retention({ store, ...config.store, clock, counters, log });
    retention.start();
    stops.add(() => retention.stop());

    const retraining = new RetrainWatch({ store, ...config.training, clock, counters, log });
    retraining.start();
    stops.add(() => retraining.stop());

    const tokens = new Tokens({ store, clock });
    const api = await createAdminApi({
      tokens,
      identities,
      store,
      rollouts: conductor,
      metrics: new SlotMetrics({ store, clock }),
      counters,
      clock,
      log,
      ...{ host: config.http.host, names: config.http.names },
      consoleFolder: join(project.folder, 'dist', 'pages', 'console'),
      server: { version: project.version, broker: brokerUrl, keyId: key.keyId },
      catalog,
      datasets: new Datasets({ store, catalog }),
      mlflowView: () => mlflow?.view() ?? null,
      retraining,
      publish: (files, notes, who) => publishPackage({ store, chunkFiles, trust, clock }, files, notes, who),
      chunkPacks: new ChunkPacks({
        chunkFiles,
        isIndex: (sha256) =>
          trust.ref?.indexSha256 === sha256 ||
          store.models.all().some(({ ref }) => ref.indexSha256 === sha256),
      }),
      pace,
      trust,
      trustView: () => ({
        serverPublicKey: key.publicHex,
        online: trust.isOnline,
        metadata: trust.state ?? null,
      }),
      audit: (who, action, subject) => store.audit.append({ timeMs: clock.wallMs(), who, action, subject }),
      brokerConnected: () => link.connected,
    });
    stops.add(() => api.close());
    const address = await listen(api.server, { ...config.http, what: 'the admin API', key: 'http.port' });
    const url = `http://${address}`;
    log.info(
      { event: 'listening', url, brokerUrl, publicKeyFile },
      `fleet console at ${url}, devices connect to ${brokerUrl}`,
    );
    stops.add(tellServiceManager(`Console at ${url}, devices connect to ${brokerUrl}.`, counters, log));
    if ((!isLoopback(config.http.host) || config.http.names.length > 0) && !tokens.exist) {
      log.warn(
        { event: 'no-tokens', host: config.http.host },
        'this address is open to the network, so nobody may call here without a token: andon tokens add',
      );
    }
    if (config.broker.kind === 'embedded' && !config.broker.tls && !isLoopback(config.broker.host)) {
      log.warn(
        { event: 'open-to-network', host: config.broker.host },
        'anyone who reaches the broker can act as a device: set broker.tls',
      );
    }
    return { url, brokerUrl, publicKeyFile, stop };
  } catch (error) {
    // What stopping may throw now follows from this error.
    await stop().catch(() => undefined);
    throw error;
  }
}
