/** The live view as a hook, and the device's or server's own clock beside it. */
import { useEffect, useState } from 'preact/hooks';
import { LiveFeed, type LiveState } from './live-feed.ts';

export function useLive<T>(snapshotUrl: string, streamUrl: string): LiveState<T> {
  const [state, setState] = useState<LiveState<T>>({
    view: undefined,
    receivedAtMs: 0,
    lost: false,
    signIn: false,
  });
  useEffect(() => {
    const feed = new LiveFeed<T>(snapshotUrl, streamUrl, setState);
    feed.start();
    return () => feed.stop();
  }, [snapshotUrl, streamUrl]);
  return state;
}

/** Their clock now, ms: what they said plus the time since; stands still while the page is not live. */
export function useTheirNow(nowMs: number, live: LiveState<unknown>): number {
  const [tick, setTick] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setTick(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return live.lost ? nowMs : nowMs + Math.max(0, tick - live.receivedAtMs);
}
