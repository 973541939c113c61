/** `{device}/birth`, `gone`, `reported` and `want`: what a device says of itself. */
import {
  type Birth,
  birthSchema,
  goneSchema,
  parseMessage,
  reportedSchema,
  wantSchema,
} from '../../protocol/messages.ts';
import { serverError } from '../errors.ts';
import type { ServerStore } from '../store/server-store.ts';
import type { Delivery, MessageHandler } from './message-handler.ts';

export interface DeviceHandlerDeps {
  readonly store: ServerStore;
  /** After its birth is on disk: send it what it should run. */
  readonly onBirth: (device: string) => void;
  /** After its reported state is on disk. */
  readonly onReported: (device: string) => void;
  readonly onWant: (device: string, chunks: readonly string[]) => void;
}

export interface DeviceHandlers {
  readonly birth: MessageHandler;
  readonly gone: MessageHandler;
  readonly reported: MessageHandler;
  readonly want: MessageHandler;
}

export function deviceHandlers({ store, onBirth, onReported, onWant }: DeviceHandlerDeps): DeviceHandlers {
  return {
    birth: (delivery) => {
      const birth: Birth = parseMessage(birthSchema, delivery.payload, 'birth');
      checkDevice(delivery, birth.device);
      store.devices.born(birth);
      if (birth.inherits) store.cursors.inherit(birth.device, birth.storeEpoch, birth.inherits);
      noteSeen(store, delivery);
      return () => onBirth(birth.device);
    },
    gone: (delivery) => {
      const gone = parseMessage(goneSchema, delivery.payload, 'gone');
      checkDevice(delivery, gone.device);
      // A kept goodbye counts too: a device takes its own back when it connects.
      store.devices.gone(gone.device);
      return undefined;
    },
    reported: (delivery) => {
      const reported = parseMessage(reportedSchema, delivery.payload, 'reported');
      checkDevice(delivery, reported.device);
      store.devices.saveReported(reported);
      noteSeen(store, delivery);
      return () => onReported(reported.device);
    },
    want: (delivery) => {
      const want = parseMessage(wantSchema, delivery.payload, 'want');
      checkDevice(delivery, want.device);
      noteSeen(store, delivery);
      return () => onWant(want.device, want.chunks);
    },
  };
}

/** A device cannot speak for another. */
function checkDevice(delivery: Delivery, device: string): void {
  if (device === delivery.device) return;
  throw serverError('TOPIC_MISMATCH', `"${device}" wrote on the topic of "${delivery.device}"`, {
    hint: 'Give each device its own id and, on the broker, its own topics (see deploy/).',
  });
}

/** What the broker kept proves nothing about now. */
function noteSeen(store: ServerStore, { device, timeMs, retained }: Delivery): void {
  if (!retained) store.devices.seen(device, timeMs);
}
