/** The metrics stream: once a period, each slot's figures and the device's own, a record each. */
import { bestEstimate } from '../../protocol/evidence/metric-report.ts';
import type { Clock } from '../clock.ts';
import type { NewMetric } from '../store/records.ts';
import type { SlotFigures } from './slot-monitor.ts';

const PERIOD_MS = 60_000;

export interface DeviceMetricsDeps {
  readonly slots: () => readonly { readonly slot: string; readonly figures: SlotFigures }[];
  /** Gauges of the device as a whole, by name with its unit (`storeBytes`). */
  readonly device: () => Promise<Readonly<Record<string, number>>>;
  readonly record: (metrics: readonly NewMetric[]) => void;
  /** The machine could not be asked: its gauges are missing this time. */
  readonly onError: (error: unknown) => void;
  readonly clock: Clock;
}

export class DeviceMetrics {
  readonly #deps: DeviceMetricsDeps;
  #timer: NodeJS.Timeout | undefined;
  #isTaking = false;

  constructor(deps: DeviceMetricsDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#timer = setInterval(() => void this.#takeIfIdle(), PERIOD_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Records the figures as they are now. */
  async take(): Promise<void> {
    const { slots, device, record, onError, clock } = this.#deps;
    const gauges = await device().catch((error: unknown) => {
      onError(error);
      return {};
    });
    const timeMs = clock.wallMs();
    const rows = Object.entries(gauges).map(([name, value]) => ({ timeMs, name, slot: null, value }));
    record([...rows, ...slots().flatMap(({ slot, figures }) => slotRows(timeMs, slot, figures))]);
  }

  /** A machine that does not answer (a dead network disk) is not asked again and again: each time is a process that hangs. */
  async #takeIfIdle(): Promise<void> {
    if (this.#isTaking) return;
    this.#isTaking = true;
    try {
      await this.take();
    } catch (error) {
      this.#deps.onError(error);
    } finally {
      this.#isTaking = false;
    }
  }
}

function slotRows(timeMs: number, slot: string, figures: SlotFigures): NewMetric[] {
  const values: Record<string, number | null> = {
    predictionsPerS: figures.predictionsPerS,
    latencyP50Us: figures.latencyUs?.p50 ?? null,
    latencyP99Us: figures.latencyUs?.p99 ?? null,
    onlineMetric: bestEstimate(figures.quality.champion)?.value ?? null,
    labels: figures.quality.champion?.labels ?? 0,
    ...Object.fromEntries(figures.drift.map(({ feature, psi }) => [`psi.${feature}`.slice(0, 64), psi])),
  };
  return Object.entries(values).flatMap(([name, value]) =>
    value === null || !Number.isFinite(value) ? [] : [{ timeMs, name, slot, value }],
  );
}
