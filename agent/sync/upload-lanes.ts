/** The four streams on their way up: an uploader each, within what the link may cost, moved by the server's acknowledgements. */
import { ackSchema, parseMessage } from '../../protocol/messages.ts';
import type { Stream } from '../../protocol/records.ts';
import { topics } from '../../protocol/topics.ts';
import { agentError } from '../errors.ts';
import type { ServerTime } from './server-time.ts';
import { UploadLimits, type UploadLimitsDeps } from './upload-limits.ts';
import { Uploader, type UploaderDeps } from './uploader.ts';

/** Predictions go last, so that what is live never waits behind their backlog. */
const LIVE_FIRST: readonly Stream[] = ['events', 'feedback', 'metrics', 'predictions'];
/** Of the other streams the configuration tells. */
const LINGER_MS: Partial<Record<Stream, number>> = { events: 0, feedback: 20 };

export interface UploadLanesDeps
  extends Omit<UploaderDeps, 'stream' | 'lingerMs' | 'limits'>,
    Omit<UploadLimitsDeps, 'clock' | 'telemetry'> {
  readonly telemetry: UploadLimitsDeps['telemetry'] & { readonly lingerMs: number };
  readonly serverTime: Pick<ServerTime, 'heard'>;
  /** A fleet that comes back at once sends its first predictions spread over this time. */
  readonly spreadMs: number;
  /** In [0, 1). */
  readonly random: () => number;
}

export class UploadLanes {
  readonly #deps: UploadLanesDeps;
  readonly #limits: UploadLimits;
  readonly #uploaders: readonly (readonly [Stream, Uploader])[];
  #lastAckMs: number | null = null;

  constructor(deps: UploadLanesDeps) {
    this.#deps = deps;
    const limits = new UploadLimits(deps);
    this.#limits = limits;
    this.#uploaders = LIVE_FIRST.map((stream) => {
      const lingerMs = LINGER_MS[stream] ?? deps.telemetry.lingerMs;
      return [stream, new Uploader({ ...deps, stream, limits, lingerMs })] as const;
    });
  }

  /** Wall clock ms of the server's last word about records. */
  get lastAckMs(): number | null {
    return this.#lastAckMs;
  }

  get onTheWay(): boolean {
    return this.#uploaders.some(([, uploader]) => uploader.onTheWay);
  }

  /** Why records wait although the link is up, for people; null: they do not. */
  get heldBack(): string | null {
    return this.#limits.reason;
  }

  /** Which cap predictions go as fast as, and until when, for people; null: none is felt. */
  get paced(): string | null {
    return this.#limits.pace(this.#deps.streams.waiting('predictions'));
  }

  /** Follows the link and the acknowledgements from now on. */
  open(): void {
    const { link, device, spreadMs, random } = this.#deps;
    for (const [stream, uploader] of this.#uploaders) {
      link.subscribe(topics.ack(device, stream), (payload) => this.#acknowledged(stream, uploader, payload));
    }
    link.onChange((connected) => {
      for (const [stream, uploader] of this.#uploaders) {
        if (connected) uploader.start(stream === 'predictions' ? spreadMs * random() : 0);
        else uploader.stop();
      }
    });
  }

  /** Records were committed. Cheap. */
  notify(): void {
    for (const [, uploader] of this.#uploaders) uploader.notify();
  }

  #acknowledged(stream: Stream, uploader: Uploader, payload: Buffer): void {
    const ack = parseMessage(ackSchema, payload, 'acknowledgement');
    if (ack.stream !== stream) {
      throw agentError('ACK_REFUSED', `acknowledgement of ${ack.stream} on the topic of ${stream}`);
    }
    uploader.acknowledged(ack);
    if (ack.timeMs !== undefined) this.#deps.serverTime.heard(ack.timeMs);
    this.#lastAckMs = this.#deps.clock.wallMs();
  }
}
