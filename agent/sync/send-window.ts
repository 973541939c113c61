/** Which records of one stream are on the way, how many more may follow, and when to send again. Pure: time comes in as an argument. */

const FIRST_TIMEOUT_MS = 5000;
const MIN_TIMEOUT_MS = 2000;
const MAX_TIMEOUT_MS = 60_000;
/** An acknowledgement that comes faster lets more records out; one slower than `SLOW_MS` takes some back. */
const QUICK_MS = 500;
const SLOW_MS = 1000;
/** On a line that is slow by itself: what is more than its own time, records wait for each other. */
const SHORT_QUEUE_MS = 200;
const LONG_QUEUE_MS = 500;
const MIN_RECORDS = 64;
/** Little at first, because nobody knows the line yet; each quick acknowledgement doubles it. So many make no line wait. */
const FIRST_RECORDS = 128;
/** A satellite, or a machine short of processor, takes so long by itself; where it takes longer, something is full. */
const MAX_EMPTY_MS = 4000;
/** How long progress may take to show that a repeated acknowledgement was only an echo. */
const FIRST_GRACE_MS = 500;
const MIN_GRACE_MS = 100;

export interface SendWindowOptions {
  /** Batches on the way at once. */
  readonly batches: number;
  /** Records in one batch. */
  readonly batchRecords: number;
}

interface Sent {
  readonly lastSeq: number;
  readonly records: number;
  readonly atMs: number;
  /** Sent for the first time; only then does its acknowledgement tell the round trip (Karn's rule). */
  readonly first: boolean;
  /** With next to nothing else on the way. */
  readonly alone: boolean;
}

export class SendWindow {
  readonly #options: SendWindowOptions;
  #base: number;
  #lastSent: number;
  #highest: number;
  #onTheWay: Sent[] = [];
  #askedFor: number | undefined;
  #deadlineMs: number | undefined;
  #roundTripMs: number | undefined;
  /** What an acknowledgement takes on this line by itself. */
  #emptyMs: number | undefined;
  #credit: number;
  /** How often in a row the window went back without an acknowledgement that moved it. */
  #stalls = 0;
  /** How often without one that told the round trip: a line that became slow is not known before its batches get their time. */
  #backOffs = 0;

  /** @param base the seq up to which the server is known to have the stream */
  constructor(options: SendWindowOptions, base: number) {
    this.#options = options;
    this.#base = base;
    this.#lastSent = base;
    this.#highest = base;
    this.#credit = this.#firstCredit();
  }

  /** The server has the stream up to and with this seq, as far as is known. */
  get base(): number {
    return this.#base;
  }

  /** The next batch begins after this seq. */
  get lastSent(): number {
    return this.#lastSent;
  }

  get idle(): boolean {
    return this.#onTheWay.length === 0;
  }

  /** Some that were sent, now or before the window went back, are not acknowledged. */
  get unanswered(): boolean {
    return this.#highest > this.#base;
  }

  /** The next batch holds records that were sent before. */
  get repeats(): boolean {
    return this.#highest > this.#lastSent;
  }

  /** When to call `goBackIfDue`; undefined while nothing is awaited. */
  get deadlineMs(): number | undefined {
    return this.#deadlineMs;
  }

  /** The size of a full batch now: what is less may wait for company while another is on the way. */
  get fullBatch(): number {
    return Math.min(this.#options.batchRecords, this.#credit);
  }

  /** How many records the next batch may hold; 0: wait for an acknowledgement, sooner than send a sliver. */
  room(): number {
    if (this.idle) return this.fullBatch;
    if (this.#onTheWay.length >= this.#options.batches) return 0;
    const free = Math.min(this.#options.batchRecords, this.#credit - this.#used());
    return free * 2 >= this.fullBatch ? free : 0;
  }

  sent(lastSeq: number, records: number, nowMs: number): void {
    const alone = this.#used() + records <= FIRST_RECORDS;
    this.#onTheWay.push({ lastSeq, records, atMs: nowMs, first: lastSeq > this.#highest, alone });
    this.#lastSent = lastSeq;
    this.#highest = Math.max(this.#highest, lastSeq);
    this.#deadlineMs ??= nowMs + this.#timeoutMs();
  }

  /**
   * The server says that it has everything up to `seq`.
   * @returns true when that is news; false when it repeats itself or asks for records again
   */
  acknowledged(seq: number, nowMs: number): boolean {
    if (seq <= this.#base) {
      this.#askedAgain(seq, nowMs);
      return false;
    }
    const done = this.#onTheWay.filter((sent) => sent.lastSeq <= seq);
    const newest = done.at(-1);
    if (newest?.first) this.#learn(nowMs - newest.atMs, newest.alone);
    this.#base = seq;
    this.#lastSent = Math.max(this.#lastSent, seq);
    this.#onTheWay = this.#onTheWay.filter((sent) => sent.lastSeq > seq);
    this.#askedFor = undefined;
    this.#stalls = 0;
    this.#deadlineMs = this.idle ? undefined : nowMs + this.#timeoutMs();
    return true;
  }

  /**
   * Forgets what is on the way when its time is over, so that `lastSent` stands where the server asked.
   * @param patient true while the broker has not even taken the batches: then only the deadline moves
   */
  goBackIfDue(nowMs: number, patient: boolean): boolean {
    if (this.#deadlineMs === undefined || nowMs < this.#deadlineMs) return false;
    if (patient) {
      this.#deadlineMs = nowMs + this.#timeoutMs();
      return false;
    }
    // Asked for by the server, the link is not to blame for the loss; silence may mean that it is too slow.
    if (this.#askedFor === undefined) this.#credit = Math.max(this.#floor(), Math.floor(this.#credit / 4));
    this.#stalls += 1;
    this.#backOffs += 1;
    this.#goBack(this.#askedFor ?? this.#base);
    return true;
  }

  /** A new connection: everything after `base` is sent again, little at first, since a whole fleet may have come back. */
  restart(base: number): void {
    this.#credit = this.#firstCredit();
    this.#emptyMs = undefined;
    this.#goBack(base);
  }

  #goBack(base: number): void {
    this.#base = base;
    this.#lastSent = base;
    this.#onTheWay = [];
    this.#askedFor = undefined;
    this.#deadlineMs = undefined;
  }

  /**
   * A repeated acknowledgement is either the echo of a batch sent twice or a request. Progress soon tells which, so this
   * only brings the deadline near; and once per stall, so that echoes cannot breed.
   */
  #askedAgain(seq: number, nowMs: number): void {
    if (this.#stalls > 0 || (this.idle && seq === this.#base)) return;
    this.#askedFor = seq;
    const graceMs =
      this.#roundTripMs === undefined ? FIRST_GRACE_MS : Math.max(MIN_GRACE_MS, 2 * this.#roundTripMs);
    const soonMs = nowMs + graceMs;
    this.#deadlineMs = Math.min(this.#deadlineMs ?? soonMs, soonMs);
  }

  #learn(roundTripMs: number, alone: boolean): void {
    this.#backOffs = 0;
    // Up at once and down slowly: a line that became slow must not be taken for one that loses.
    this.#roundTripMs = Math.max(roundTripMs, (7 * (this.#roundTripMs ?? 0) + roundTripMs) / 8);
    // No round trip is shorter than the empty line's; one that had the line for itself may show that it became longer.
    if (alone || this.#emptyMs === undefined || roundTripMs < this.#emptyMs) {
      this.#emptyMs = Math.min(MAX_EMPTY_MS, roundTripMs);
    }
    const queuedMs = roundTripMs - this.#emptyMs;
    if (roundTripMs < QUICK_MS || queuedMs < SHORT_QUEUE_MS) {
      this.#credit = Math.min(this.#maxCredit(), this.#credit * 2);
    } else if (roundTripMs > SLOW_MS && queuedMs > LONG_QUEUE_MS) {
      this.#credit = Math.max(this.#floor(), Math.floor(this.#credit / 2));
    }
  }

  /** Records on the way. */
  #used(): number {
    return this.#onTheWay.reduce((sum, { records }) => sum + records, 0);
  }

  #timeoutMs(): number {
    const once =
      this.#roundTripMs === undefined ? FIRST_TIMEOUT_MS : Math.max(MIN_TIMEOUT_MS, 4 * this.#roundTripMs);
    return Math.min(MAX_TIMEOUT_MS, once * 2 ** this.#backOffs);
  }

  #firstCredit(): number {
    return Math.min(FIRST_RECORDS, this.#maxCredit());
  }

  #maxCredit(): number {
    return this.#options.batches * this.#options.batchRecords;
  }

  #floor(): number {
    return Math.min(MIN_RECORDS, this.#options.batchRecords);
  }
}
