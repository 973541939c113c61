/** Keeps a page's view current: server-sent events, a watchdog for streams that die in silence, and reconnecting for ever. */
const LOST_AFTER_MS = 1500;
const SILENT_AFTER_MS = 8000;
const RETRY_MS = [500, 1000, 2000, 5000];

export interface LiveState<T> {
  readonly view: T | undefined;
  /** Browser clock, ms: when `view` came. */
  readonly receivedAtMs: number;
  /** The stream is broken for longer than a blink; `view` is old. */
  readonly lost: boolean;
  /** The server wants to know who asks; nothing more comes before that. */
  readonly signIn: boolean;
}

export class LiveFeed<T> {
  readonly #snapshotUrl: string;
  readonly #streamUrl: string;
  readonly #onChange: (state: LiveState<T>) => void;
  #state: LiveState<T> = { view: undefined, receivedAtMs: 0, lost: false, signIn: false };
  #stream: EventSource | undefined;
  #watchdog: ReturnType<typeof setInterval> | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #attempts = 0;
  #brokenAtMs: number | undefined;

  constructor(snapshotUrl: string, streamUrl: string, onChange: (state: LiveState<T>) => void) {
    this.#snapshotUrl = snapshotUrl;
    this.#streamUrl = streamUrl;
    this.#onChange = onChange;
  }

  start(): void {
    this.#connect();
    this.#watchdog = setInterval(() => this.#watch(), 500);
  }

  stop(): void {
    clearInterval(this.#watchdog);
    clearTimeout(this.#retry);
    this.#stream?.close();
  }

  #connect(): void {
    this.#retry = undefined;
    const stream = new EventSource(this.#streamUrl);
    this.#stream = stream;
    stream.onmessage = (event: MessageEvent<string>) => {
      this.#attempts = 0;
      this.#take(JSON.parse(event.data) as T);
    };
    stream.onerror = () => this.#break();
    void this.#askOnce();
  }

  /** Beside the stream: it speaks on change only, and may have no room for another viewer. */
  async #askOnce(): Promise<void> {
    try {
      const response = await fetch(this.#snapshotUrl, {
        signal: AbortSignal.timeout(4000),
        cache: 'no-store',
      });
      if (response.status === 401) {
        this.stop();
        this.#show({ ...this.#state, signIn: true });
        return;
      }
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      this.#take((await response.json()) as T);
    } catch {
      this.#break();
    }
  }

  #take(view: T): void {
    this.#brokenAtMs = undefined;
    this.#show({ view, receivedAtMs: Date.now(), lost: false, signIn: false });
  }

  /** Told on the page by `lost`, and mended by a new stream. */
  #break(): void {
    this.#brokenAtMs ??= Date.now();
    this.#stream?.close();
    if (this.#retry !== undefined || this.#state.signIn) return;
    const delay = RETRY_MS[Math.min(this.#attempts++, RETRY_MS.length - 1)];
    this.#retry = setTimeout(() => this.#connect(), delay);
  }

  #watch(): void {
    const now = Date.now();
    if (this.#brokenAtMs !== undefined) {
      if (!this.#state.lost && now - this.#brokenAtMs > LOST_AFTER_MS)
        this.#show({ ...this.#state, lost: true });
    } else if (this.#state.view && now - this.#state.receivedAtMs > SILENT_AFTER_MS) {
      void this.#askOnce();
    }
  }

  #show(state: LiveState<T>): void {
    this.#state = state;
    this.#onChange(state);
  }
}
