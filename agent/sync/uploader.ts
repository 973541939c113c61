/**
 * Sends one stream: reads by seq, keeps a window of batches on the way, and moves the cursor only on the server's word.
 * After a start nothing goes that was not here then, until the server has shown that it has no more than that: what the disk
 * lost after it was sent would have its numbers given to other records, and those would be taken for repeats.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Counters } from '../../daemon/counters.ts';
import { LIMITS } from '../../protocol/limits.ts';
import type { Ack } from '../../protocol/messages.ts';
import type { Stream } from '../../protocol/records.ts';
import { topics } from '../../protocol/topics.ts';
import type { Clock } from '../clock.ts';
import { agentError } from '../errors.ts';
import type { StreamLog } from '../store/store.ts';
import { type PrivacyOf, planBatch } from './batch-planner.ts';
import type { MqttLink } from './mqtt-link.ts';
import type { Refusals } from './refusals.ts';
import { SendWindow } from './send-window.ts';
import type { UploadLimits } from './upload-limits.ts';

/** A day's budget waits by the wall clock, which may jump. */
const LOOK_AGAIN_MS = 60_000;
/** After a failed read of the store. */
const RETRY_MS = 1000;
/** Sent once more after a start, where all is acknowledged, to hear from the server; some, as the last may be of those that stay here. */
const ASK_WITH_RECORDS = 32;

export interface UploaderDeps {
  readonly stream: Stream;
  readonly device: string;
  readonly storeEpoch: string;
  readonly streams: StreamLog;
  readonly link: MqttLink;
  readonly privacyOf: PrivacyOf;
  readonly limits: UploadLimits;
  readonly window: number;
  /** How long a first lone record waits for company, ms. */
  readonly lingerMs: number;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly refusals: Refusals;
}

export class Uploader {
  readonly #deps: UploaderDeps;
  readonly #window: SendWindow;
  /** Read up to here: beyond `lastSent` by the records that may not leave. */
  #readTo: number;
  /** Batches that the broker has not taken yet. */
  #untaken = 0;
  #connection = 0;
  /** Records per batch that lately fitted in one message. */
  #fit: number = LIMITS.batchRecords;
  /** Up to here the server may have refused what was sent. */
  #carefulTo = 0;
  #dueMs: number | undefined;
  /** Nothing goes before, by what this link may cost. */
  #heldUntilMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #soon: NodeJS.Immediate | undefined;
  #running = false;
  #proving = false;

  constructor(deps: UploaderDeps) {
    this.#deps = deps;
    const acked = deps.streams.acked(deps.stream);
    this.#window = new SendWindow({ batches: deps.window, batchRecords: LIMITS.batchRecords }, acked);
    this.#readTo = acked;
  }

  /** Whether records were sent that are not acknowledged yet. */
  get onTheWay(): boolean {
    return this.#window.unanswered;
  }

  /** The link is up: begins again after the last acknowledged record. @param afterMs with which its first batch waits */
  start(afterMs = 0): void {
    this.#running = true;
    this.#connection += 1;
    this.#untaken = 0;
    this.#dueMs = undefined;
    this.#heldUntilMs = this.#nowMs() + afterMs;
    const { stream, streams } = this.#deps;
    const unproven = streams.unproven(stream) ?? Infinity;
    this.#goBack(Math.min(streams.acked(stream), Math.max(0, unproven - ASK_WITH_RECORDS)));
    this.#pump();
  }

  /** The link is down: sends nothing until `start`. */
  stop(): void {
    this.#running = false;
    clearTimeout(this.#timer);
    clearImmediate(this.#soon);
    this.#soon = undefined;
  }

  /** There may be new records. Cheap. */
  notify(): void {
    if (this.#running && this.#soon === undefined) this.#pumpSoon();
  }

  /** @throws CodedError ACK_REFUSED for another epoch's or impossible acknowledgements; those of the store */
  acknowledged(ack: Ack): void {
    const { stream, storeEpoch, streams } = this.#deps;
    if (ack.storeEpoch !== storeEpoch) {
      throw agentError(
        'ACK_REFUSED',
        `${stream} acknowledged for store ${ack.storeEpoch}, this is ${storeEpoch}`,
      );
    }
    const unproven = streams.unproven(stream);
    if (unproven !== undefined && ack.seq > unproven) {
      streams.overtaken(stream, ack.seq);
      return;
    }
    const head = streams.head(stream);
    if (ack.seq > head) {
      throw agentError(
        'ACK_REFUSED',
        `${stream} acknowledged up to ${ack.seq}, the newest record is ${head}`,
      );
    }
    if (this.#window.acknowledged(ack.seq, this.#nowMs())) {
      this.#readTo = Math.max(this.#readTo, this.#window.lastSent);
      if (ack.seq > streams.acked(stream)) streams.ack(stream, ack.seq);
      this.#freeWithheld();
    }
    this.notify();
    this.#armTimer();
  }

  get #lastToSend(): number {
    const { stream, streams } = this.#deps;
    return Math.min(streams.head(stream), streams.unproven(stream) ?? Infinity);
  }

  /** All that was here at the start and may leave has been answered (or nothing may), and the server had no more. */
  #proveIfAnswered(): void {
    const { stream, streams, refusals } = this.#deps;
    const unproven = streams.unproven(stream);
    if (unproven === undefined || this.#proving || !this.#window.idle || this.#readTo < unproven) return;
    this.#proving = true;
    streams
      .prove(stream)
      .catch((error) => {
        refusals.refuse(error, `noting where ${stream} stands`);
        return sleep(RETRY_MS, undefined, { ref: false });
      })
      .finally(() => {
        this.#proving = false;
        this.notify();
      });
  }

  /** One batch at a time, then the other streams and the event loop have their turn. */
  #pump(): void {
    this.#soon = undefined;
    if (!this.#running) return;
    try {
      const nowMs = this.#nowMs();
      const { lastSent } = this.#window;
      if (this.#window.goBackIfDue(nowMs, this.#untaken > 0)) {
        this.#carefulTo = Math.max(this.#carefulTo, lastSent);
        this.#deps.counters.add('sync.sent-again');
        this.#readTo = this.#window.lastSent;
      }
      if (this.#isDue(nowMs) && this.#sendOne(nowMs)) this.#pumpSoon();
      this.#proveIfAnswered();
      this.#armTimer();
    } catch (error) {
      this.#deps.refusals.refuse(error, `reading ${this.#deps.stream} for upload`);
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#pumpSoon(), RETRY_MS);
    }
  }

  /** A full batch goes at once. What is less waits `lingerMs`, and for the batch before it: a slow link gets fewer, larger batches. */
  #isDue(nowMs: number): boolean {
    if (this.#heldUntilMs !== undefined && nowMs < this.#heldUntilMs) return false;
    this.#heldUntilMs = undefined;
    const pending = this.#lastToSend - this.#readTo;
    const full = Math.min(this.#window.fullBatch, this.#fit, this.#deps.limits.maxRecords(this.#deps.stream));
    if (pending > 0 && pending >= full) return true;
    if (pending <= 0 || !this.#window.idle) {
      this.#dueMs = undefined;
      return false;
    }
    // What was on its way once has waited.
    this.#dueMs ??= nowMs + (this.#window.repeats ? 0 : this.#deps.lingerMs);
    return nowMs >= this.#dueMs;
  }

  /** @returns true when there may be more to do at once */
  #sendOne(nowMs: number): boolean {
    const { stream, device, storeEpoch, streams, privacyOf, limits, counters, refusals } = this.#deps;
    const limit = Math.min(this.#window.room(), this.#fit, limits.maxRecords(stream));
    if (limit === 0 || this.#isHeld(nowMs, limits.waitMs(stream))) return false;
    this.#dueMs = undefined;
    const last = this.#lastToSend;
    const read = streams.read(stream, this.#readTo, limit).records.filter(({ seq }) => seq <= last);
    const free = limits.free(stream, read);
    if (free.count === 0 && this.#isHeld(nowMs, free.waitMs)) return false;
    const records = free.count === read.length ? read : read.slice(0, free.count);
    if (records.length === 0) {
      // Retention took all that was left; the next record will declare the gap.
      this.#readTo = last;
      this.#freeWithheld();
      return false;
    }
    const plan = planBatch({
      stream,
      storeEpoch,
      records,
      afterSeq: this.#window.lastSent,
      maxRecords: limit,
      privacyOf,
      // Predictions are made by our own code and many; of the others a mistake must not block the stream even once.
      careful: stream !== 'predictions' || this.#readTo < this.#carefulTo,
    });
    this.#readTo = plan.lastSeq;
    if (plan.kind === 'withheld') {
      if (plan.cause) refusals.refuse(plan.cause, `${stream} ${plan.lastSeq}, which stays on the device`);
      counters.add('sync.withheld', plan.cause ? 1 : records.length);
      this.#freeWithheld();
      return true;
    }
    const count = plan.records.length;
    this.#fit = plan.cut ? count : Math.min(LIMITS.batchRecords, Math.ceil(this.#fit * 1.25));
    this.#window.sent(plan.lastSeq, count, nowMs);
    this.#publish(topics.up(device, stream), plan.bytes);
    limits.spend(stream, plan.bytes.length, plan.records);
    return true;
  }

  #isHeld(nowMs: number, waitMs: number): boolean {
    this.#heldUntilMs = waitMs > 0 ? nowMs + Math.min(waitMs, LOOK_AGAIN_MS) : undefined;
    return waitMs > 0;
  }

  /** Nobody will ever acknowledge a tail of records that may not leave; without this, such a device could free nothing. */
  #freeWithheld(): void {
    const { stream, streams } = this.#deps;
    if (this.#window.idle && this.#readTo > this.#window.lastSent) streams.ack(stream, this.#readTo);
  }

  #publish(topic: string, bytes: Buffer): void {
    const connection = this.#connection;
    this.#untaken += 1;
    this.#deps.counters.add('sync.bytes-sent', bytes.length);
    const settled = () => {
      if (connection === this.#connection) this.#untaken -= 1;
    };
    // What the broker did not take is sent again: by `start` when the link broke, else when its time is over.
    this.#deps.link.publish(topic, bytes).then(settled, settled);
  }

  #goBack(base: number): void {
    this.#window.restart(base);
    this.#readTo = base;
  }

  #pumpSoon(): void {
    this.#soon ??= setImmediate(() => this.#pump());
  }

  #armTimer(): void {
    clearTimeout(this.#timer);
    const nextMs = this.#heldUntilMs ?? this.#dueMs ?? Infinity;
    const dueMs = Math.min(this.#window.deadlineMs ?? Infinity, nextMs);
    if (!this.#running || dueMs === Infinity) return;
    this.#timer = setTimeout(() => this.#pumpSoon(), Math.max(1, dueMs - this.#nowMs()));
  }

  #nowMs(): number {
    return this.#deps.clock.monotonicUs() / 1000;
  }
}
