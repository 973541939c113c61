/** What every message handler gets and may do. */
import type { InboundMessage } from '../mqtt-link.ts';

export interface Delivery extends InboundMessage {
  /** The device that the topic names. */
  readonly device: string;
  /** Server wall clock at arrival. */
  readonly timeMs: number;
}

/**
 * Takes one message inside the transaction of its group: it checks everything first and writes then, so that a
 * thrown `CodedError` (the message is refused) leaves nothing half done.
 * @returns what to do once the group is on disk, if anything: acknowledge, publish
 */
export type MessageHandler<D extends Delivery = Delivery> = (delivery: D) => (() => void) | undefined;
